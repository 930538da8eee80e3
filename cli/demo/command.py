"""The command: prepare the data, start the mesh, collect, wait, sum up."""

import os
import signal
from pathlib import Path
from typing import Annotated

import anyio
import h5py
import typer

from cli.activemq import NoActiveMQError
from cli.beamline import generate, progress
from cli.broker import LocalBrokerError
from cli.console import JsonOption, explained, out, print_json, tell
from cli.demo.record import Recorded
from cli.demo.scenario import Beamline, GridOutcome, OnImage, RotationOutcome, wait_for_processing
from cli.demo.summary import as_data, check_table, grid_table, rotation_tables
from cli.demo.verdict import Check, check_grid, check_rotation
from cli.home import DEFAULT_HOME, HomeOption, spans_folder
from cli.mesh import Mesh, Plan, start_mesh
from cli.processes import ServiceDiedError
from cli.world import outside
from shared import telemetry
from shared.rotation import RotatedFile
from simulator.demo import demo_grid, demo_rotation

REAL_GRID = Path(__file__).parents[2] / "tests" / "data" / "thaumatin_grid" / "thaumatin_grid_master.h5"
KILL_AT_IMAGE = 200
QUICK_DIALS = {"index_method": "fft1d", "max_refine": 5, "outlier": "tukey"}  # as exact here, in half the time
KillOption = Annotated[
    list[str] | None,
    typer.Option(help="Kill this service (or broker) with signal 9 in the middle of the simulated grid; repeatable."),
]


def demo(
    home: HomeOption = DEFAULT_HOME / "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the mesh running until Ctrl-C.")] = False,
    kill: KillOption = None,
    page_port: Annotated[int, typer.Option(help="Port of the status page; 0 takes a free one.")] = 8600,
    as_json: JsonOption = False,
) -> None:
    """Watch a beamline work: a real grid scan, a simulated one, a rotation processed by DIALS.

    Starts a broker and the five services, and ends with what they found. Exit status 0 only if all of it happened.

    Examples:

        mxmesh demo --keep

        mxmesh demo --kill spotfinder --kill broker
    """
    generate(demo_grid())
    generate(demo_rotation())
    home = home.absolute()
    overrides = {"launcher": {"parameters": {"dials": QUICK_DIALS}}}
    plan = Plan(home, (home / "data",), page_port=page_port, overrides=overrides, tell=tell)
    with explained(LocalBrokerError, NoActiveMQError, ServiceDiedError, TimeoutError, OSError, ExceptionGroup):
        passed = anyio.run(_demo, plan, kill or [], keep, as_json)
    raise typer.Exit(0 if passed else 1)


async def _demo(plan: Plan, kill: list[str], keep: bool, as_json: bool) -> bool:
    telemetry.configure("gda", RotatedFile(spans_folder(plan.home) / "gda.jsonl"))
    async with start_mesh(plan) as mesh:
        out.print(f"status page: [bold]{mesh.running.page_url}[/]")
        passed = await _work(mesh, kill, as_json)
        if not keep:
            tell("the mesh stops now; `mxmesh demo --keep` leaves it, and its page, running")
        else:
            out.print(f"the mesh goes on; page {mesh.running.page_url}, stop with Ctrl-C", highlight=False)
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    break
    return passed


async def _work(mesh: Mesh, kill: list[str], as_json: bool) -> bool:
    async with outside(mesh.running.broker) as bus, anyio.create_task_group() as tasks:
        beamline = Beamline(mesh, bus, Recorded(mesh.plan.database, mesh.plan.history))
        tasks.start_soon(beamline.listen)
        grids, rotation = await _collect_all(beamline, kill)
        tasks.cancel_scope.cancel()
    spans = mesh.running.spans
    checks = [check for name, outcome in grids.items() for check in check_grid(name, outcome, spans)]
    checks += check_rotation(rotation, spans)
    _report(mesh, grids, rotation, checks, as_json)
    return all(check.passed for check in checks)


async def _collect_all(beamline: Beamline, kill: list[str]) -> tuple[dict[str, GridOutcome], RotationOutcome]:
    n_real = _n_images(REAL_GRID)
    with progress() as bars:
        replaying = bars.add_task("real grid: thaumatin", total=n_real)
        real = await beamline.real_grid(REAL_GRID, n_real, lambda _: bars.advance(replaying))
        grid = demo_grid()
        bar = bars.add_task("simulated grid", total=grid.n_images)
        murder = _killer(beamline.mesh, kill)

        def written(image: int) -> None:
            bars.advance(bar)
            murder(image)

        simulated = await beamline.simulated_grid(grid, generate(grid), written)
        sweep = demo_rotation()
        rotating = bars.add_task("rotation", total=sweep.n_images)
        rotation = await beamline.rotation(sweep, generate(sweep), lambda _: bars.advance(rotating))
        bars.add_task("processing by DIALS", total=None)
        await wait_for_processing(rotation)
    return {"thaumatin, real": real, "two crystals, simulated": simulated}, rotation


def _killer(mesh: Mesh, kill: list[str]) -> OnImage:
    """Kills what is to be killed when half of the grid is written."""

    def at(image: int) -> None:
        if image == KILL_AT_IMAGE:
            for name in kill:
                tell(f"kill -9 {name}")
                if name == "broker" and mesh.broker and mesh.broker.pid:
                    os.kill(mesh.broker.pid, signal.SIGKILL)
                elif name in mesh.services:
                    mesh.services[name].kill()

    return at


def _n_images(master: Path) -> int:
    with h5py.File(master, "r", locking=False) as file:
        return int(file["/entry/data/data"].shape[0])


def _report(
    mesh: Mesh, grids: dict[str, GridOutcome], rotation: RotationOutcome, checks: list[Check], as_json: bool
) -> None:
    if as_json:
        print_json(as_data(grids, rotation, checks))
        return
    out.print(grid_table(grids), rotation_tables(rotation), check_table(checks))
    out.print(f"page      {mesh.running.page_url}", highlight=False)
    out.print(f"database  {mesh.running.database}", highlight=False)
    out.print(f"logs      {mesh.plan.home / 'logs'}", highlight=False)
    out.print(f"trace     mxmesh trace {rotation.trace_id} --home {mesh.plan.home}", highlight=False)

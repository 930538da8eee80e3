"""`mxmesh up`: broker and five services on this machine, one command, clean stop."""

import signal
from pathlib import Path
from typing import Annotated

import anyio
import orjson
import typer

from cli.activemq import NoActiveMQError
from cli.broker import LocalBrokerError
from cli.console import JsonOption, explained, out, print_json, tell
from cli.home import DEFAULT_HOME, HomeOption
from cli.mesh import Mesh, Plan, SettingsOf, start_mesh
from cli.processes import ServiceDiedError

START_FAULTS = (LocalBrokerError, NoActiveMQError, ServiceDiedError, TimeoutError, ExceptionGroup)


def up(
    data_root: Annotated[list[Path], typer.Option(help="Folder that announced data must lie below; repeatable.")],
    home: HomeOption = DEFAULT_HOME,
    beamline: Annotated[str, typer.Option(help="Beamline that this mesh serves.")] = "i03",
    mode: Annotated[str, typer.Option(help="live, or shadow: listen only, say nothing to the outside.")] = "live",
    page_port: Annotated[int, typer.Option(help="Port of the status page; 0 takes a free one.")] = 8600,
    settings: Annotated[
        Path | None, typer.Option(help='JSON file that overrides settings: {"common": {...}, "spotfinder": {...}}.')
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start a broker and the five services; Ctrl-C stops them in good order.

    Uses the broker that $MXMESH_BROKER_URL names; without it, starts a real ActiveMQ of its own.

    Examples:

        mxmesh up --data-root /dls/i03/data

        mxmesh up --home ./state --data-root ./data --page-port 8601

        MXMESH_BROKER_URL=stomp+ssl://mq.example.org:61614 MXMESH_BROKER_USER=mx mxmesh up --data-root /data
    """
    with explained(OSError, orjson.JSONDecodeError):
        overrides: SettingsOf = orjson.loads(settings.read_bytes()) if settings else {}
    roots = tuple(root.absolute() for root in data_root)
    plan = Plan(home.absolute(), roots, beamline, mode, page_port, overrides, tell=tell)
    with explained(*START_FAULTS):
        anyio.run(_up, plan, as_json)


async def _up(plan: Plan, as_json: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_run, plan, as_json)
            async for _ in signals:
                tell("stopping; what is unfinished stays with the broker")
                tasks.cancel_scope.cancel()
                break


async def _run(plan: Plan, as_json: bool) -> None:
    async with start_mesh(plan) as mesh:
        if as_json:
            print_json(mesh.running.model_dump(mode="json", exclude={"broker_password"}))
        else:
            _greet(mesh)
        await anyio.sleep_forever()


def _greet(mesh: Mesh) -> None:
    out.print(f"mesh of [bold]{mesh.plan.beamline}[/] is up: {', '.join(mesh.services)}")
    out.print(f"  page      {mesh.running.page_url}")
    out.print(f"  broker    {mesh.running.broker_url}")
    out.print(f"  results   {mesh.running.database}")
    out.print(f"  logs      {mesh.plan.home / 'logs'}")
    out.print("  stop      Ctrl-C; everything unfinished is taken up again at the next start")

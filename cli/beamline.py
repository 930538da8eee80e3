"""`mxmesh simulate`: a beamline that collects data, live, and announces them as GDA would."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import JsonOption, err, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh, find_broker
from cli.world import outside
from shared import telemetry
from shared.bus import BrokerError
from shared.messages import Collection, Grid
from simulator.demo import demo_grid, demo_rotation
from simulator.frames import cache_path, cached_frames
from simulator.gda import (
    Session,
    Timeline,
    Writer,
    collect,
    describe_grid,
    describe_replay,
    describe_rotation,
    detector_of,
)
from simulator.grid import GridScan
from simulator.replay import replay
from simulator.rotation import RotationScan

CACHE = Path.home() / ".cache" / "mxmesh" / "frames"
app = typer.Typer(help="Collect simulated or recorded data as a beamline would.", no_args_is_help=True)
RateOption = Annotated[float | None, typer.Option(help="Images per second; default: as the exposure time says.")]


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error, so that standard output stays for results."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bars:
        yield bars


@app.command()
def grid(home: HomeOption = DEFAULT_HOME, frame_rate: RateOption = None, as_json: JsonOption = False) -> None:
    """A snaked grid scan of 20 x 20 boxes over two thaumatin crystals, from a physical model.

    Example: mxmesh simulate grid --frame-rate 100
    """
    _simulate(home, demo_grid(), frame_rate, as_json)


@app.command()
def rotation(home: HomeOption = DEFAULT_HOME, frame_rate: RateOption = None, as_json: JsonOption = False) -> None:
    """A rotation of a lysozyme crystal, from a physical model.

    Example: mxmesh simulate rotation
    """
    _simulate(home, demo_rotation(), frame_rate, as_json)


@app.command("replay")
def replay_(
    master: Annotated[Path, typer.Argument(help="NXmx master file of a recorded grid scan.", exists=True)],
    steps_x: Annotated[int, typer.Option(help="Boxes along x.")],
    steps_y: Annotated[int, typer.Option(help="Boxes along y.")] = 1,
    frame_rate: Annotated[float, typer.Option(help="Images per second.")] = 50,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """A recorded grid scan, collected again.

    Example: mxmesh simulate replay tests/data/thaumatin_grid/thaumatin_grid_master.h5 --steps-x 9
    """
    with explained(NoMeshError):
        session = session_of(RunningMesh.find(home))
    boxes = Grid(steps_x=steps_x, steps_y=steps_y)
    collection = describe_replay(session, boxes, 1 / frame_rate, new_dcid())
    _collect(home, collection, partial(replay, master, frame_rate=frame_rate), as_json)


def _simulate(home: Path, scan: GridScan | RotationScan, frame_rate: float | None, as_json: bool) -> None:
    with explained(NoMeshError):
        session = session_of(RunningMesh.find(home))
    frames = generate(scan)
    describe: Callable[..., Collection] = describe_grid if isinstance(scan, GridScan) else describe_rotation
    collection = describe(session, scan, new_dcid())
    _collect(home, collection, detector_of(scan, frames, frame_rate or 1 / scan.exposure_s), as_json)


def generate(scan: GridScan | RotationScan, cache: Path = CACHE) -> Path:
    """Frames of a scan, generated with a progress bar unless they are in the cache."""
    if (frames := cache_path(scan, cache)).exists():
        return frames
    with progress() as bars:
        bar = bars.add_task(f"generate {scan.n_images} images", total=scan.n_images)

        def show(done: int, _of: int) -> None:
            bars.update(bar, completed=done)

        return cached_frames(scan, cache, workers=cpu_count() or 1, on_progress=show)


def session_of(running: RunningMesh) -> Session:
    """A visit below the first data root of the running mesh."""
    return Session(running.data_roots[0] / "cm12345-1", running.beamline)


def new_dcid() -> int:
    """A data collection id that was not used before on this machine: tenths of seconds since 2026."""
    return int((time.time() - 1767225600) * 10)


def _collect(home: Path, collection: Collection, detector: Writer, as_json: bool) -> None:
    with explained(NoMeshError, BrokerError), progress() as bars:
        bar = bars.add_task(f"collect {collection.ref}", total=collection.number_of_images)
        timeline = anyio.run(_collect_on, home, collection, detector, lambda _: bars.advance(bar))
    if as_json:
        print_json({"collection": collection.model_dump(mode="json"), "announced_at": timeline.announced_at})
    else:
        out.print(f"collected {collection.ref}: {len(timeline.written_at)} images in {collection.image_directory}")


async def _collect_on(
    home: Path, collection: Collection, detector: Writer, on_image: Callable[[int], None]
) -> Timeline:
    async with outside(find_broker(home)) as bus:
        with telemetry.tracer.start_as_current_span(f"collect {collection.ref}"):
            return await collect(bus, collection, detector, on_image)

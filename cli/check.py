"""`mxmesh check`: a small grid scan through a running mesh, to see that it works."""

import math
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import anyio
import httpx
import typer

from cli.beamline import new_dcid
from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh, find_broker
from cli.world import outside
from shared.bus import BrokerError
from shared.messages import Collection
from shared.settings import BrokerSettings
from simulator.demo import small_grid
from simulator.frames import cached_frames
from simulator.gda import Session, Writer, collect, describe_grid, detector_of

BEAMLINE = "t00"
"""No beamline's name: the centre that the mesh says goes to a queue that nobody acts on."""
MAX_DISTANCE_BOXES = 1.0
LOOK_S = 0.5


def check(
    data_root: Annotated[Path | None, typer.Option(help="Folder below which the mesh expects data.")] = None,
    page_url: Annotated[str | None, typer.Option(help="The mesh's status page.")] = None,
    wait_s: Annotated[float, typer.Option(help="Longest wait for the centre [s].")] = 60.0,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Collect a small simulated grid scan, and see whether the mesh finds the crystal where it is.

    It is announced as of beamline t00, so that no real beamline moves. Works in shadow mode, too. The broker is that of
    $MXMESH_BROKER_URL (and _USER, _PASSWORD, _PREFIX), or of the mesh on this machine.

    Exit status: 0 found, 1 not sent, not found in time, or elsewhere.

    Examples:

        mxmesh check

        mxmesh check --data-root /dls/i03/data --page-url http://i03-aggregator:8600
    """
    with explained(OSError, NoMeshError, BrokerError, httpx.HTTPError, TimeoutError):
        root, page = _place(home, data_root, page_url)
        found = anyio.run(_check, find_broker(home), root, page, wait_s)
    distance = _distance_boxes(found["crystals"])
    if as_json:
        print_json({**found, "distance_boxes": distance})
    elif distance is None:
        out.print(f"[bold red]{found['phase']}[/]: {found['n_found']} images found, {found['n_failed']} failed")
    else:
        out.print(
            f"{found['phase']}: {distance:.2f} boxes from where the crystal is, {found['n_failed']} images failed"
        )
    if distance is None or distance > MAX_DISTANCE_BOXES:
        raise typer.Exit(1)


def _place(home: Path, data_root: Path | None, page_url: str | None) -> tuple[Path, str]:
    """Where to write, and where to look: as asked for, else as of the mesh on this machine."""
    if data_root and page_url:
        return data_root, page_url
    running = RunningMesh.find(home)
    return data_root or running.data_roots[0], page_url or running.page_url


async def _check(broker: BrokerSettings, root: Path, page: str, wait_s: float) -> dict[str, Any]:
    scan = small_grid()
    collection = describe_grid(Session(root / "mxmesh-check", BEAMLINE), scan, new_dcid())
    with tempfile.TemporaryDirectory() as cache:
        frames = await anyio.to_thread.run_sync(cached_frames, scan, Path(cache))
        detector = detector_of(scan, frames, 1 / scan.exposure_s)
        try:
            await _collect(broker, collection, detector)
            return await _centre_of(collection, page, wait_s)
        finally:
            shutil.rmtree(collection.image_directory, ignore_errors=True)


async def _collect(broker: BrokerSettings, collection: Collection, detector: Writer) -> None:
    async with outside(broker) as bus:
        await collect(bus, collection, detector)


async def _centre_of(collection: Collection, page: str, wait_s: float) -> dict[str, Any]:
    """The collection as the page knows it, once its grid has a result.

    Raises:
        TimeoutError: it has none in time; the message says how far it is.
    """
    seen = "the page does not know it"
    with anyio.move_on_after(wait_s):
        async with httpx.AsyncClient(base_url=page, trust_env=False, timeout=10) as client:
            while True:
                answer = await client.get(f"/api/collections/{collection.ref}")
                found = answer.json()["collection"] if answer.is_success else {}
                if found.get("grid_result"):
                    return dict(found)
                seen = found.get("phase", seen)
                await anyio.sleep(LOOK_S)
    raise TimeoutError(f"grid scan {collection.ref} has no centre after {wait_s:g} s: {seen}; see {page}")


def _distance_boxes(crystals: list[dict[str, Any]]) -> float | None:
    """From the first crystal found to the simulated one; None if none was found."""
    if not crystals:
        return None
    return math.dist(crystals[0]["centre_box"], small_grid().truth().centre_boxes)

"""Grid scans through a beamline on a cluster."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cli.beamline import new_dcid
from shared.messages import Collection, GridResult
from shared.stomp import StompBus
from simulator.gda import collect, describe_grid, detector_of
from simulator.grid import GridScan
from tests.cluster.beamlines import PATIENCE_S, Beamline
from tests.mesh.conftest import centre_of

N_IMAGES = 48


class Scans:
    """Small grid scans of one crystal, collected one after the other."""

    def __init__(self, scan: GridScan, frames: Path) -> None:
        self.scan = scan
        self._detector = partial(detector_of, scan, frames)

    async def collect(
        self, beamline: Beamline, bus: StompBus, frame_rate: float, on_image: Callable[[int], None] = lambda _: None
    ) -> tuple[Collection, GridResult]:
        """Collect one, and wait for its centre."""
        collection = await self.write(beamline, bus, frame_rate, on_image)
        return collection, await centre_of(bus, collection.ref, PATIENCE_S)

    async def write(
        self, beamline: Beamline, bus: StompBus, frame_rate: float, on_image: Callable[[int], None] = lambda _: None
    ) -> Collection:
        """Collect one, and wait for nothing."""
        collection = describe_grid(beamline.session, self.scan, new_dcid())
        await collect(bus, collection, self._detector(frame_rate), on_image)
        return collection

    def assert_found(self, result: GridResult) -> None:
        """Where the crystal is, from all images."""
        assert (result.status, result.version, result.n_found, result.n_failed) == ("whole", 1, N_IMAGES, 0)
        (x, y), (true_x, true_y) = result.crystals[0].centre_of_mass, self.scan.truth().centre_boxes
        assert abs(x - true_x) < 1
        assert abs(y - true_y) < 1


async def assert_recorded_once(beamline: Beamline, collection: Collection) -> None:
    """Nothing lost in the database, nothing said twice on the mesh."""
    images = await beamline.images_recorded(collection.ref, N_IMAGES)
    assert (images.n_found, images.n_failed) == (N_IMAGES, 0)
    assert await beamline.reports(collection.ref, N_IMAGES) == N_IMAGES

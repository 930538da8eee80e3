"""What happens in the demonstration: three data collections, and waiting for what the mesh makes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio

from cli.beamline import new_dcid, session_of
from cli.demo.record import Recorded
from cli.mesh import Mesh
from shared import telemetry
from shared.messages import Collection, Grid, GridResult, now
from shared.stomp import StompBus
from simulator.gda import (
    Timeline,
    Writer,
    collect,
    describe_grid,
    describe_replay,
    describe_rotation,
    detector_of,
)
from simulator.grid import GridScan, GridTruth
from simulator.replay import replay
from simulator.rotation import RotationScan, RotationTruth

GRID_TIMEOUT_S = 60.0
PROCESSING_TIMEOUT_S = 400.0
REAL_FRAME_RATE_HZ = 10.0
GRID_FRAME_RATE_HZ = 100.0
OnImage = Callable[[int], None]


@dataclass
class GridOutcome:
    """A grid scan and what came of it.

    Attributes:
        result: as the beamline received it; None if it did not in time.
        received_at: when the beamline had it.
        truth: what was put in; None for real images.
    """

    collection: Collection
    timeline: Timeline
    recorded: Recorded
    truth: GridTruth | None = None
    result: GridResult | None = None
    received_at: datetime | None = None
    trace_id: str | None = None

    @property
    def distance_boxes(self) -> float | None:
        """From the centre found to the true one [boxes]."""
        if not (self.truth and self.result and self.result.crystals):
            return None
        (x, y), (true_x, true_y) = self.result.crystals[0].centre_of_mass, self.truth.centre_boxes
        return math.hypot(x - true_x, y - true_y)

    @property
    def first_result_s(self) -> float | None:
        """From the announcement to the first image result [s]."""
        first = self.recorded.first_found_at(self.collection.ref)
        started = self.timeline.announced_at
        return (first - started).total_seconds() if first and started else None

    @property
    def centred_s(self) -> float | None:
        """From the last image written to the centre in the beamline's hands [s]."""
        return (self.received_at - self.timeline.written_at[-1]).total_seconds() if self.received_at else None


@dataclass
class RotationOutcome:
    """A rotation and what it was reduced to; the rest stands in the database."""

    collection: Collection
    truth: RotationTruth
    recorded: Recorded
    trace_id: str | None = None


@dataclass
class Beamline:
    """The beamline of the demonstration: collects on one bus, and listens for crystal centres as GDA does."""

    mesh: Mesh
    bus: StompBus
    recorded: Recorded
    _results: dict[int, tuple[GridResult, datetime]] = field(default_factory=dict)
    _arrived: anyio.Event = field(default_factory=anyio.Event)

    async def listen(self) -> None:
        """Take every grid result from the beamline's queue."""
        source = self.bus.topology.queue(f"xrc.{self.mesh.plan.beamline}")
        async with self.bus.subscribe(source, prefetch=10) as deliveries:
            async for delivery in deliveries:
                result = GridResult.model_validate_json(delivery.body)
                self._results.setdefault(result.collection.id, (result, now()))
                await self.bus.settle(delivery)
                self._arrived.set()
                self._arrived = anyio.Event()

    async def grid_scan(
        self, collection: Collection, detector: Writer, on_image: OnImage, truth: GridTruth | None = None
    ) -> GridOutcome:
        """Collect a grid scan, and wait for its centre."""
        with telemetry.tracer.start_as_current_span(f"collect {collection.ref}"):
            trace_id = telemetry.trace_id()
            timeline = await collect(self.bus, collection, detector, on_image)
        outcome = GridOutcome(collection, timeline, self.recorded, truth, trace_id=trace_id)
        with anyio.move_on_after(GRID_TIMEOUT_S):
            outcome.result, outcome.received_at = await self._result_of(collection.dcid)
        return outcome

    async def _result_of(self, dcid: int) -> tuple[GridResult, datetime]:
        while dcid not in self._results:
            await self._arrived.wait()
        return self._results[dcid]

    async def real_grid(self, master: Path, n_images: int, on_image: OnImage) -> GridOutcome:
        """The recorded thaumatin grid, collected again."""
        boxes = Grid(steps_x=n_images, steps_y=1, box_x_um=20, box_y_um=20)
        session = session_of(self.mesh.running)
        collection = describe_replay(session, boxes, 1 / REAL_FRAME_RATE_HZ, new_dcid(), prefix="thaumatin")
        return await self.grid_scan(collection, partial(replay, master, frame_rate=REAL_FRAME_RATE_HZ), on_image)

    async def simulated_grid(self, scan: GridScan, frames: Path, on_image: OnImage) -> GridOutcome:
        """The snaked grid over two crystals."""
        collection = describe_grid(session_of(self.mesh.running), scan, new_dcid())
        detector = detector_of(scan, frames, GRID_FRAME_RATE_HZ)
        return await self.grid_scan(collection, detector, on_image, scan.truth())

    async def rotation(self, scan: RotationScan, frames: Path, on_image: OnImage) -> RotationOutcome:
        """The rotation; returns once it is collected."""
        collection = describe_rotation(session_of(self.mesh.running), scan, new_dcid())
        detector = detector_of(scan, frames, 1 / scan.exposure_s)
        with telemetry.tracer.start_as_current_span(f"collect {collection.ref}"):
            outcome = RotationOutcome(collection, scan.truth(), self.recorded, telemetry.trace_id())
            await collect(self.bus, collection, detector, on_image)
        return outcome


async def wait_for_processing(outcome: RotationOutcome) -> None:
    """Until the run stands in the database, or the time is over."""
    with anyio.move_on_after(PROCESSING_TIMEOUT_S):
        while not outcome.recorded.processing(outcome.collection.ref):  # noqa: ASYNC110 - a database can only be polled
            await anyio.sleep(0.5)

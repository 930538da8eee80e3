"""A working mesh on this machine, a beamline beside it, and what each of its processes costs."""

import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import anyio
import psutil

from benchmarks.mesh.reel import Reel
from cli.mesh import Mesh, Plan, SettingsOf, start_mesh
from cli.world import outside
from shared.messages import CollectionRef, GridResult, SpotsFound, now
from shared.stomp import StompBus
from simulator.gda import Session, Timeline, Writer, collect, describe_grid
from simulator.grid import GridScan

BLOCK_S = 0.25
LARGEST_BLOCK = 128
PATIENCE_S = 900.0
PREFETCH = 100


@dataclass(frozen=True)
class Part:
    """Images of one block that the mesh has reported."""

    at: datetime
    n_images: int


@dataclass
class Seen:
    """What the beamline has heard of one grid scan.

    Attributes:
        parts: what was reported, in order.
        centred_at: when the centre was in the beamline's hands.
    """

    timeline: Timeline = field(default_factory=Timeline)
    parts: list[Part] = field(default_factory=list)
    result: GridResult | None = None
    centred_at: datetime | None = None
    centred: anyio.Event = field(default_factory=anyio.Event)

    @property
    def took_s(self) -> float:
        """From the announcement to the centre [s]."""
        return _between_s(self.timeline.announced_at, self.centred_at)

    @property
    def first_result_s(self) -> float:
        """From the announcement to the first image result [s]."""
        return _between_s(self.timeline.announced_at, self.parts[0].at)

    @property
    def centre_s(self) -> float:
        """From the last image written to the centre [s]."""
        return _between_s(self.timeline.written_at[-1], self.centred_at)

    def share(self, at: datetime) -> float:
        """Images reported by then, of all."""
        return sum(part.n_images for part in self.parts if part.at <= at) / sum(part.n_images for part in self.parts)


def _between_s(start: datetime | None, end: datetime | None) -> float:
    if start is None or end is None:
        raise ValueError("this has not happened yet")
    return (end - start).total_seconds()


@dataclass
class Rig:
    """A mesh and its beamline."""

    mesh: Mesh
    bus: StompBus
    reel: Reel
    data: Path
    seen: defaultdict[CollectionRef, Seen] = field(default_factory=lambda: defaultdict(Seen))
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    async def collect(self, scan: GridScan, detector: Writer) -> Seen:
        """Collect one grid scan; returns once its centre has come, and removes the images.

        Raises:
            AssertionError: an image has no result.
        """
        collection = describe_grid(Session(self.data / "cm12345-1"), scan, next(self._ids))
        seen = self.seen[collection.ref]
        seen.timeline = await collect(self.bus, collection, detector)
        with anyio.fail_after(PATIENCE_S):
            await seen.centred.wait()
        shutil.rmtree(Path(collection.image_directory), ignore_errors=True)
        if seen.result is None or seen.result.n_found != scan.n_images:
            raise AssertionError(f"not every image of {collection.ref} was found: {seen.result}")
        return seen

    async def hear_centres(self) -> None:
        """Hear every grid's centre."""
        await self._hear(self.bus.topology.queue("xrc.i03"), self._hear_centre)

    @asynccontextmanager
    async def hearing_spots(self) -> AsyncIterator[None]:
        """Hear what is found on images, too, which costs both the broker and us."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear, "/topic/VirtualTopic.SpotsFound", self._hear_spots)
            yield
            tasks.cancel_scope.cancel()

    async def _hear(self, source: str, told: Callable[[bytes], Awaitable[None]]) -> None:
        async with self.bus.subscribe(source, prefetch=PREFETCH) as deliveries:
            async for delivery in deliveries:
                await told(delivery.body)
                await self.bus.settle(delivery)

    async def _hear_centre(self, body: bytes) -> None:
        result = GridResult.model_validate_json(body)
        seen = self.seen[result.collection]
        seen.result, seen.centred_at = result, now()
        seen.centred.set()

    async def _hear_spots(self, body: bytes) -> None:
        at, spots = now(), SpotsFound.model_validate_json(body)
        self.seen[spots.collection].parts.append(Part(at, len(spots.found) + len(spots.failed)))

    def cpu_s(self) -> dict[str, float]:
        """CPU time so far of each service, of the spot finder's workers, and of the broker [s]."""
        spent = {name: _cpu_s(service.pid) for name, service in self.mesh.services.items()}
        finder = self.mesh.services["spotfinder"].pid
        spent["workers"] = sum(_cpu_s(child.pid) for child in psutil.Process(finder).children(recursive=True))
        return spent | {"broker": _cpu_s(self.mesh.broker.pid if self.mesh.broker else None)}

    def exposure_for(self, block: int) -> float:
        """Exposure time at which the ingester cuts blocks of so many images [s]."""
        return BLOCK_S / block


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@asynccontextmanager
async def working_mesh(home: Path, reel: Reel, workers: int) -> AsyncIterator[Rig]:
    """Broker and services as `mxmesh up` starts them; an announced exposure decides the size of a block."""
    data = reel.file.parent / f"data-{time.time_ns()}"
    data.mkdir()  # beside the reel, since hard links stay on one file system
    overrides: SettingsOf = {
        "ingester": {"block_s": BLOCK_S, "smallest_block": 1, "largest_block": LARGEST_BLOCK},
        "spotfinder": {"workers": workers},
        "writer": {"deadline_s": PATIENCE_S},  # a machine that is busy otherwise shall not make a partial result
    }
    plan = Plan(home, (data,), page_port=0, overrides=overrides, tell=lambda _: None)
    try:
        async with start_mesh(plan) as mesh, outside(mesh.running.broker) as bus, anyio.create_task_group() as tasks:
            rig = Rig(mesh, bus, reel, data)
            tasks.start_soon(rig.hear_centres)
            yield rig
            tasks.cancel_scope.cancel()
    finally:
        shutil.rmtree(data, ignore_errors=True)

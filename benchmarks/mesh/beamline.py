"""A beamline beside a mesh: it collects, announces, and hears what the mesh says of it."""

import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import anyio

from benchmarks.mesh.reel import Reel
from shared.messages import CollectionRef, GridResult, SpotsFound, now
from shared.stomp import StompBus
from simulator.gda import Session, Timeline, Writer, collect, describe_grid
from simulator.grid import GridScan

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
        n_results: how many grid results came; one is right.
        centred_at: when the centre was in the beamline's hands.
    """

    timeline: Timeline = field(default_factory=Timeline)
    parts: list[Part] = field(default_factory=list)
    result: GridResult | None = None
    n_results: int = 0
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
class Beamline:
    """Somebody who collects data below one folder."""

    bus: StompBus
    reel: Reel
    data: Path
    seen: defaultdict[CollectionRef, Seen] = field(default_factory=lambda: defaultdict(Seen))
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def session(self) -> Session:
        """The visit, below the folder."""
        return Session(self.data / "cm12345-1")

    async def collect(self, scan: GridScan, detector: Writer) -> Seen:
        """Collect one grid scan; returns once its centre has come, and removes the images.

        Raises:
            AssertionError: an image has no result.
        """
        collection = describe_grid(self.session, scan, next(self.ids))
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
        seen.n_results += 1
        seen.centred.set()

    async def _hear_spots(self, body: bytes) -> None:
        at, spots = now(), SpotsFound.model_validate_json(body)
        self.seen[spots.collection].parts.append(Part(at, len(spots.found) + len(spots.failed)))

"""A mesh beside the same workers without one, and grids that run through it."""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.mesh.beamline import Seen
from benchmarks.mesh.rig import Rig
from services.spotfinder.workers import Workers
from simulator.gda import Writer
from simulator.grid import GridScan

Steps = tuple[int, int]
LIVE_SHARE = 0.6


@dataclass
class Course:
    """What every measurement works with.

    Attributes:
        pool: the workers without a mesh, as many as the spot finder has.
        advance: told after each collection.
        rate: images per second that went through the mesh when that was measured.
    """

    rig: Rig
    pool: Workers
    n_workers: int
    advance: Callable[[], None]
    rate: float = 50.0

    @property
    def live_rate(self) -> float:
        """Frame rate that the workers keep up with: 60 % of theirs."""
        return LIVE_SHARE * self.rate

    async def on_disk(self, steps: Steps, block: int) -> Seen:
        """A grid whose images are all there when it is announced."""
        scan = self.rig.reel.scan(*steps, self.rig.exposure_for(block))
        return await self._collect(scan, self.rig.reel.on_disk(scan))

    async def live(self, steps: Steps, frame_rate: float, block: int | None = None) -> Seen:
        """A grid that is written image by image; its blocks are as the ingester cuts them unless ``block`` says."""
        scan = self.rig.reel.scan(*steps, self.rig.exposure_for(block) if block else 1 / frame_rate)
        return await self._collect(scan, self.rig.reel.live(scan, frame_rate))

    async def _collect(self, scan: GridScan, detector: Writer) -> Seen:
        seen = await self.rig.collect(scan, detector)
        self.advance()
        return seen

    @contextmanager
    def unannounced(self, steps: Steps) -> Iterator[Path]:
        """The master file of a grid that the mesh does not hear of."""
        folder, scan = self.rig.data / "unannounced", self.rig.reel.scan(*steps, 0.01)
        folder.mkdir()
        master = folder / "grid_master.h5"
        self.rig.reel.on_disk(scan)(master, on_master=lambda _: None, on_image=lambda _: None)
        try:
            yield master
        finally:
            shutil.rmtree(folder)


async def together(n: int, collect: Callable[[], Awaitable[Seen]]) -> list[Seen]:
    """Several grids at once."""
    all_seen: list[Seen] = []

    async def one() -> None:
        all_seen.append(await collect())

    async with anyio.create_task_group() as tasks:
        for _ in range(n):
            tasks.start_soon(one)
    return sorted(all_seen, key=lambda seen: seen.took_s)

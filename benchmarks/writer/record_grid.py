"""How fast a grid is recorded, and how soon after its last block the crystal is said: one grid over the memory broker.

Usage: python -m benchmarks.writer.record_grid [--steps 41 29] [--block 16] [--folder DIRECTORY]
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.writer.__main__ import write_results
from services.writer.settings import Settings
from shared.bus import Delivery
from shared.database import open_database
from shared.memory import MemoryBroker, MemoryBus
from shared.messages import (
    Collection,
    CollectionAccepted,
    CollectionRef,
    Grid,
    ImageSpots,
    Message,
    SpotsFound,
    now,
)
from shared.pulse import Pulse
from shared.service import Member

REF = CollectionRef(beamline="i03", visit="cm12345-1", id=1)
REPEATS = 5


def collection(steps_x: int, steps_y: int) -> Collection:
    """A snaked grid of so many boxes."""
    return Collection(
        beamline=REF.beamline,
        visit=REF.visit,
        dcid=REF.id,
        experiment="gridscan",
        visit_directory="/data",
        prefix="grid",
        run_number=1,
        number_of_images=steps_x * steps_y,
        exposure_s=0.01,
        grid=Grid(steps_x=steps_x, steps_y=steps_y, snaked=True),
    )


def blocks(n_images: int, size: int) -> list[SpotsFound]:
    """A crystal of a tenth of the grid in a field of noise."""
    images = [
        ImageSpots(
            image=i,
            n_spots_total=i % 7 + (60 if i < n_images // 10 else 0),
            n_spots_no_ice=i % 5,
            n_spots_4A=i % 3,
            total_intensity=100.0 * i,
        )
        for i in range(n_images)
    ]
    parts = [tuple(images[first : first + size]) for first in range(0, n_images, size)]
    return [SpotsFound(collection=REF, found=part, found_at=now(), analysis_ms=1) for part in parts]


@dataclass
class TimedBus(MemoryBus):
    """Remembers when deliveries were settled, and when the first grid result was said [s]."""

    settled_at: list[float] = field(default_factory=list)
    said_at: float = 0.0
    said: anyio.Event = field(default_factory=anyio.Event)

    async def settle(self, delivery: Delivery, replies: Sequence[Message] = ()) -> None:
        """Note the time."""
        await super().settle(delivery, replies)
        self.settled_at.append(time.perf_counter())

    async def publish(self, message: Message) -> None:
        """Note the time."""
        await super().publish(message)
        self.said_at = time.perf_counter()
        self.said.set()


async def measure(engine: AsyncEngine, steps: tuple[int, int], size: int) -> None:
    """One grid; prints one line."""
    grid, settings, broker = collection(*steps), Settings(), MemoryBroker()
    found = blocks(grid.number_of_images, size)
    async with anyio.create_task_group() as tasks:
        bus = TimedBus("writer", broker)
        await write_results(Member(bus, Pulse("writer"), tasks), engine, settings)
        broker.send(settings.topology, CollectionAccepted(collection=grid, answered_at=now()))
        start = time.perf_counter()
        for block in found:
            broker.send(settings.topology, block)
        await bus.said.wait()
        tasks.cancel_scope.cancel()
    print(
        f"{grid.number_of_images} images in blocks of {size}: "
        f"{len(found) / (bus.settled_at[-1] - start):.0f} blocks/s, "
        f"centre said {1e3 * (bus.said_at - bus.settled_at[-1]):.1f} ms after the last block was settled"
    )


async def main() -> None:
    """Several times, each on a fresh database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs=2, default=(41, 29), help="boxes along x and y")
    parser.add_argument("--block", type=int, default=16, help="images per block")
    parser.add_argument("--folder", type=Path, default=None, help="where the database is made; decides the fsync time")
    arguments = parser.parse_args()
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            async with open_database(f"sqlite+aiosqlite:///{folder}/writer.sqlite") as engine:
                await measure(engine, tuple(arguments.steps), arguments.block)


if __name__ == "__main__":
    anyio.run(main)

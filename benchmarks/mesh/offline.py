"""The spot finder's workers without a mesh: how fast they are when nobody asks them over a broker."""

import time
from collections.abc import Iterator
from pathlib import Path

import anyio

from services.spotfinder.finder import Parameters
from services.spotfinder.workers import Workers


async def analyse_offline(pool: Workers, n_workers: int, master: Path, n_images: int, block: int) -> float:
    """Images per second; every worker has its next block as soon as it is free."""
    starts: Iterator[int] = iter(range(0, n_images, block))

    async def work() -> None:
        for first in starts:
            reports = await pool.analyse(str(master), range(first, min(first + block, n_images)))
            if any(report.failure for report in reports):
                raise AssertionError(f"failed: {reports}")

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(2 * n_workers):
            tasks.start_soon(work)
    return n_images / (time.perf_counter() - began)


async def started(n_workers: int) -> Workers:
    """A pool whose kernels are compiled."""
    pool = Workers(n_workers, Parameters())
    await pool.start()
    return pool

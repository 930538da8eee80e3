"""Worker processes as the service has them: the memory of one, and how much two do beside one."""

import time
from pathlib import Path

import anyio
from anyio import to_process

from benchmarks.spotfinder.figures import WorkerFigures
from benchmarks.spotfinder.sets import ImageSet
from services.spotfinder.analysis import ImageReport, count_images
from services.spotfinder.finder import DEFAULTS, Parameters
from services.spotfinder.workers import Workers

WORKER_SETS = ("4M-u16", "16M-u16", "16M-u32")
ROUNDS, SECONDS = 3, 4.0
BLOCK = 16
"""Images that a worker is asked for at a time."""


def measure_workers(image_set: ImageSet) -> WorkerFigures:
    """One and two workers in turn, each for some seconds a round."""
    master = str(image_set.master())
    rates = anyio.run(images_per_s, master)
    return WorkerFigures(name=image_set.name, peak_mb=anyio.run(peak_mb, master), images_per_s=rates)


async def peak_mb(master: str) -> float:
    """Largest resident memory of a fresh worker that has analysed every image once [MB]."""
    workers = Workers(1, DEFAULTS)
    await workers.start()
    reports = await workers.analyse(master, range(count_images(master)))
    _refuse_failures(reports)
    return await to_process.run_sync(resident_peak_mb)


def resident_peak_mb() -> float:
    """Of this process [MB]. Not from getrusage, which after a fork begins with what the parent had."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


async def images_per_s(master: str) -> dict[int, list[float]]:
    """Rates of one and of two workers, round by round."""
    pools = {count: Workers(count, DEFAULTS) for count in (1, 2)}
    rates: dict[int, list[float]] = {count: [] for count in pools}
    for pool in pools.values():
        await pool.start()
        await rate(pool, 2, master, 0.0)
    for _ in range(ROUNDS):
        for count, pool in pools.items():
            rates[count].append(await rate(pool, count, master, SECONDS))
    return rates


async def rate(pool: Workers, count: int, master: str, seconds: float) -> float:
    """Images per second of a pool that always has a block for each of its workers."""
    n_images, done, start = count_images(master), 0, time.perf_counter()
    block = [image % n_images for image in range(BLOCK)]

    async def feed() -> None:
        nonlocal done
        while True:
            reports = await pool.analyse(master, block)
            _refuse_failures(reports)
            done += len(reports)
            if time.perf_counter() - start >= seconds:
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(feed)
    return done / (time.perf_counter() - start)


def _refuse_failures(reports: list[ImageReport]) -> None:
    if failed := [report for report in reports if report.failure]:
        raise RuntimeError(f"image {failed[0].image}: {failed[0].failure}")

"""Worker processes as the service has them: the memory of one, and how much two do beside one."""

import subprocess
import sys
import time

import anyio
import psutil

from benchmarks.spotfinder.compare_with_dials import ROOT
from benchmarks.spotfinder.figures import Rate, WorkerFigures
from benchmarks.spotfinder.sets import ImageSet
from services.spotfinder.analysis import count_images
from services.spotfinder.finder import DEFAULTS
from services.spotfinder.workers import Workers

WORKER_SETS = ("4M-u16", "16M-u16", "16M-u32")
ROUNDS, SECONDS = 3, 4.0
BLOCK = 16
"""Images that a worker is asked for at a time."""


def measure_workers(image_set: ImageSet) -> WorkerFigures:
    """One and two workers in turn, each for some seconds a round; wants two idle cores."""
    master = str(image_set.master())
    before, peak = memory(master)
    rates = anyio.run(take_turns, master)
    return WorkerFigures(name=image_set.name, idle_mb=before / 1e6, peak_mb=peak / 1e6, rates=rates)


def memory(master: str) -> tuple[int, int]:
    """Largest resident memory of a fresh worker before its first image, and after it has had all [bytes]."""
    command = [sys.executable, "-m", "benchmarks.spotfinder.worker_memory", master]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    before, peak = map(int, done.stdout.split())
    return before, peak


async def take_turns(master: str) -> dict[int, list[Rate]]:
    """Rates of one and of two workers, round by round."""
    pools = {count: Workers(count, DEFAULTS) for count in (1, 2)}
    rates: dict[int, list[Rate]] = {count: [] for count in pools}
    for count, pool in pools.items():
        await pool.start()
        await rate(pool, count, master, 0.0)
    for _ in range(ROUNDS):
        for count, pool in pools.items():
            rates[count].append(await rate(pool, count, master, SECONDS))
    return rates


async def rate(pool: Workers, count: int, master: str, seconds: float) -> Rate:
    """What a pool does that always has a block for each of its workers."""
    n_images, done = count_images(master), 0
    block = [image % n_images for image in range(BLOCK)]
    start, cpu_start = time.perf_counter(), children_cpu_s()

    async def feed() -> None:
        nonlocal done
        while True:
            reports = await pool.analyse(master, block)
            if failed := [report.failure for report in reports if report.failure]:
                raise RuntimeError(failed[0])
            done += len(reports)
            if time.perf_counter() - start >= seconds:
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(feed)
    cpu_ms = 1e3 * (children_cpu_s() - cpu_start) / done
    return Rate(images_per_s=done / (time.perf_counter() - start), cpu_ms=cpu_ms)


def children_cpu_s() -> float:
    """CPU time that this process' children have had so far [s]."""
    times = [child.cpu_times() for child in psutil.Process().children()]
    return float(sum(spent.user + spent.system for spent in times))

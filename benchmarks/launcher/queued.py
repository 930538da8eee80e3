"""Many requests at once: how fast they are worked off, and what waiting costs the launcher."""

import subprocess
import time

import anyio
import psutil

from benchmarks.figures import Figure, Section
from benchmarks.launcher.rig import Rig

LOOK_S = 0.2
MIB = 2**20


async def queued(rig: Rig, n: int) -> Section:
    """Requests wait on the broker before the launcher comes up; its memory before, and at most."""
    requests = [rig.request() for _ in range(n)]
    asking = time.perf_counter()
    for request in requests:
        await rig.bus.publish(request)
    asked_s = time.perf_counter() - asking
    with rig.launcher() as process:
        begun = time.perf_counter()
        await rig.ended(requests[:1])
        sizes = [_resident(process)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch, process, sizes)
            await rig.ended(requests)
            tasks.cancel_scope.cancel()
        took_s = time.perf_counter() - begun
        cpu = psutil.Process(process.pid).cpu_times()
    figures = [
        Figure("requests stored by the broker", n / asked_s, "1/s"),
        Figure("runs from request to result", n / took_s, "1/s"),
        Figure("the launcher's own CPU time per run", 1000 * (cpu.user + cpu.system) / n, "ms"),
        Figure("the launcher's memory after the first run", sizes[0], "MiB"),
        Figure("its growth until the last", max(sizes) - sizes[0], "MiB", 20),
    ]
    return Section(f"{n} requests queued", figures, data={"took_s": took_s, "memory_mib": sizes})


async def _watch(process: subprocess.Popen[bytes], sizes: list[float]) -> None:
    while True:
        sizes.append(_resident(process))
        await anyio.sleep(LOOK_S)


def _resident(process: subprocess.Popen[bytes]) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / MIB

"""What a service keeps of each data collection: memory and open files while thousands of them go by.

Every service's real handlers and state, in a process each, without a broker: ``python -m benchmarks.memory``. Prints a
Markdown table: first after a tenth of the collections, then after all of them. Memory is what malloc has handed out, to
python (which is told to use it for everything) and to the libraries, after a collection of garbage; and the resident
set. Time is that of a collection's messages, the median over the second and over the last tenth.
"""

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import anyio
from rich.console import Console
from rich.progress import Progress

from benchmarks.memory.records import aggregator, ingester, writer
from benchmarks.memory.stage import Play
from benchmarks.memory.workers import launcher, spotfinder

SERVICES: dict[str, Callable[[Path], AbstractAsyncContextManager[Play]]] = {
    each.__name__: each for each in (ingester, spotfinder, launcher, writer, aggregator)
}
N_COLLECTIONS = 50_000
MB = 1e6
COLUMNS = (
    "service",
    "collections",
    "allocated [MB]",
    "resident [MB]",
    "open files",
    "kept of each collection [bytes]",
    "time of one [ms]",
    "last tenth / second",
)


class MallInfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    )


def allocated() -> int:
    """What malloc has handed out and not got back [bytes]."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = MallInfo
    info = ask()
    return int(info.uordblks + info.hblkhd)


class Look(NamedTuple):
    """What a process has at one moment: memory [bytes] and open files."""

    allocated: int
    resident: int
    files: int

    @classmethod
    def now(cls) -> "Look":
        """After a collection of garbage."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(allocated(), pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path("/proc/self/fd").iterdir())))


def main() -> None:
    """Each service in turn, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=list(SERVICES), help="default: all")
    parser.add_argument("--collections", type=int, default=N_COLLECTIONS, help="data collections that go by")
    parser.add_argument("--folder", type=Path, help="where databases and runs are written, such as /dev/shm")
    parser.add_argument("--alone", choices=SERVICES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(anyio.run(measure, options.alone, options.collections, options.folder)))
        return
    print(row(COLUMNS), row(("---",) * len(COLUMNS)), sep="\n")
    for service in options.services:
        command = [sys.executable, "-m", "benchmarks.memory", "--alone", service]
        command += ["--collections", str(options.collections)]
        command += ["--folder", str(options.folder)] if options.folder else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | {"PYTHONMALLOC": "malloc"})
        print("\n".join(json.loads(done.stdout)), flush=True)


async def measure(service: str, n: int, folder: Path | None) -> list[str]:
    """Two rows of the table."""
    times = array("d", bytes(8 * n))  # all of it now: what grows shall be the service's
    with tempfile.TemporaryDirectory(dir=folder) as place, Progress(console=Console(stderr=True)) as progress:
        async with SERVICES[service](Path(place)) as play:
            for number in progress.track(range(n), description=service):
                begun = time.perf_counter()
                await play(number)
                times[number] = time.perf_counter() - begun
                if number + 1 == n // 10:
                    early = Look.now()
            late = Look.now()
    return table(service, n, (early, late), times)


def table(service: str, n: int, looks: tuple[Look, Look], times: Sequence[float]) -> list[str]:
    """The rows after a tenth, and after all."""
    early, late = looks
    tenth = n // 10
    second, last = median(times[tenth : 2 * tenth]), median(times[-tenth:])
    kept = (late.allocated - early.allocated) / (n - tenth)
    return [
        row((service, f"{tenth:,}", *figures(early), "", f"{1e3 * second:.2f}", "")),
        row((service, f"{n:,}", *figures(late), f"{kept:.1f}", f"{1e3 * last:.2f}", f"{last / second:.2f}")),
    ]


def figures(look: Look) -> tuple[str, str, str]:
    """Memory and files as text."""
    return f"{look.allocated / MB:.1f}", f"{look.resident / MB:.0f}", str(look.files)


def row(cells: tuple[str, ...]) -> str:
    """Of a Markdown table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

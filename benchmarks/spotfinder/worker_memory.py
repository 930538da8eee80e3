"""The largest resident memory of one worker process [bytes]: ``python -m benchmarks.spotfinder.worker_memory MASTER``.

A process of its own that imports what a worker imports, and nothing of the benchmark.
"""

import sys
from pathlib import Path

import services.spotfinder.__main__  # noqa: F401 - a worker imports its parent's main module
from services.spotfinder.analysis import analyse_available, count_images, warm_up


def resident_peak() -> int:
    """Of this process [bytes]. Not from getrusage, which begins with what the parent had before it forked."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def main(master: str) -> None:
    """Analyse every image of a collection once."""
    warm_up()
    before = resident_peak()
    reports = analyse_available(master, range(count_images(master)))
    if failed := [report.failure for report in reports if report.failure]:
        sys.exit(failed[0])
    print(before, resident_peak())


if __name__ == "__main__":
    main(sys.argv[1])

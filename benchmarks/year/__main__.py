"""A year of i03 in the three databases: how large they become, how long what is asked of them takes, what is removed.

200 grid scans and 100 rotations a day, 1,200 images each. What one of each leaves is written by the services
themselves and copied under other ids and moments; retention runs as the clock goes on, with the default settings. Of
days of whose images nothing is left at any age that is looked at, one block a collection is written instead of all.
Nothing waits for the disk (synchronous=OFF) but the removal that is measured. SQLite only. Times are CPU times where
not said otherwise: everything happens in one process, and other work on the machine does not count.

Examples:
  python -m benchmarks.year
  python -m benchmarks.year --days 10 --only history announcements
  nice python -m benchmarks.year --folder /scratch
"""

import argparse
import os
import tempfile
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.year.course import Course
from benchmarks.year.databases import DATABASES
from benchmarks.year.tables import tables_of

AGES = (7, 30, 91)
"""Days after which a database is looked at, beside the last one."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="length of the year [days]; default: 365")
    parser.add_argument("--only", nargs="+", choices=DATABASES, default=list(DATABASES), help="these databases")
    parser.add_argument("--folder", type=Path, help="where they are made, 8 GB; default: the temporary directory")
    return parser.parse_args()


def main() -> None:
    """Each database by itself; its tables are printed when it is done."""
    options = arguments()
    ages = [*(age for age in AGES if age < options.days), options.days]
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} days"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        for name in options.only:
            bar = bars.add_task(name, total=options.days)
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                course = Course(DATABASES[name], Path(folder), ages, lambda bar=bar: bars.advance(bar))
                print(tables_of(name, anyio.run(course.run)), end="\n\n", flush=True)
    print(f"(load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()

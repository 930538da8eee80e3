"""A whole mesh on a real broker, as fast as it goes: does anything grow, does anything slow down?

`mxmesh up` on this machine, small grid scans (48 images of 0.5 megapixels in 12 blocks) without a pause, and beside
them rotations with their processing, cancelled runs, rejected announcements, dead letters, a browser on the page and
commands at a terminal. After a warm-up, which does not count, everything is measured once a minute (more often in
short runs): what the last tenth of the time has above 1.2 times the first, and above a floor, has grown.

Exit status: 0 all is well, 1 something grew, or was lost, or came twice.

Examples:
  python -m benchmarks.soak --minutes 8
  python -m benchmarks.soak --minutes 120 --json soak.json --plot soak.png
  make soak MINUTES=120 ARGS="--plot soak.png"
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from rich.progress import BarColumn, Progress, TextColumn

from benchmarks.mesh.__main__ import simulate
from benchmarks.soak import heap
from benchmarks.soak.course import Outcome, Plan, Tell, soak
from benchmarks.soak.plot import draw
from benchmarks.soak.sampling import findings
from benchmarks.soak.table import counted, faults, report, rows
from benchmarks.soak.traffic import Traffic
from cli.beamline import progress
from cli.console import err
from simulator.detector import Model

MODEL: Model = "500K"
LEAST_MINUTES = 3.0


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8, help="warm-up included, a fifth of it; default: 8")
    parser.add_argument("--grids", type=int, default=4, metavar="N", help="grid scans in flight; default: 4")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table and every sample")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw every figure over time")
    options = parser.parse_args()
    if options.minutes < LEAST_MINUTES:
        parser.error(f"--minutes: a shorter soak than {LEAST_MINUTES:g} says nothing")
    return options


def main() -> None:
    """Soak, print the tables, write the files asked for; exit status 1 if something is wrong."""
    options = arguments()
    plan = Plan(60 * options.minutes, options.grids)
    with progress() as bars:
        reel = simulate(MODEL, bars)
    with tempfile.TemporaryDirectory(prefix="mxmesh-soak-") as home, _shown(options.minutes) as tell:
        outcome = anyio.run(soak, plan, reel, Path(home), tell)
    found = findings(outcome.samples)
    print(_introduction(plan, len(outcome.samples)))
    print(f"\n{rows(found)}\n\n{counted(outcome.counts)}\n\n{_listed(outcome)}\n")
    if options.json:
        options.json.write_text(json.dumps(_where(options) | report(found, outcome), indent=1))
    if options.plot:
        draw(outcome.samples, found, options.plot)
    if wrong := faults(found, outcome.counts):
        sys.exit("\n".join(wrong))
    print("nothing grew, nothing slowed down, nothing was lost, nothing came twice")


def _introduction(plan: Plan, n_samples: int) -> str:
    """What the table is about, and what is not in it."""
    about = (
        f"{plan.duration_s / 60:g} minutes, of which the first {plan.warm_s:.0f} s do not count; {plan.n_lanes} grid "
        f"scans in flight; {n_samples} samples, every {plan.interval_s:.0f} s; load average {os.getloadavg()[0]:.1f} "
        f"on {os.cpu_count()} cores."
    )
    return about if heap.can_be_counted() else f"{about}\n{heap.NOT_HERE}"


def _listed(outcome: Outcome) -> str:
    return "Done: " + ", ".join(f"{n:,} {what}" for what, n in outcome.done.items()) + "."


@contextmanager
def _shown(minutes: float) -> Iterator[Tell]:
    """A bar at a terminal; a plain line a minute elsewhere."""
    if not err.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=err) as bars:
        bar = bars.add_task("soak", total=minutes, said="")

        def show(traffic: Traffic) -> None:
            bars.update(bar, completed=traffic.passed_s / 60, said=_said(traffic))

        yield show


class _Lines:
    """A line a minute."""

    def __init__(self) -> None:
        self._n_told = 0

    def __call__(self, traffic: Traffic) -> None:
        if traffic.passed_s / 60 >= self._n_told:
            self._n_told += 1
            err.print(_said(traffic), highlight=False)


def _said(traffic: Traffic) -> str:
    return f"{traffic.passed_s / 60:.1f} min, {traffic.n_grids} grids, p98 {traffic.p98_s:.2f} s"


def _where(options: argparse.Namespace) -> dict[str, object]:
    where = {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    return where | {"minutes": options.minutes, "grids_in_flight": options.grids}


if __name__ == "__main__":
    main()

"""The spot finder beside the floor, DIALS and others, turn by turn on one core: ``python -m benchmarks.spotfinder``."""

import argparse
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from benchmarks.spotfinder import tables
from benchmarks.spotfinder.compare_with_dials import ROOT
from benchmarks.spotfinder.competitors import COMPETITORS, Competitor
from benchmarks.spotfinder.figures import Report, SetFigures, WorkerFigures
from benchmarks.spotfinder.measure import measure
from benchmarks.spotfinder.peers.install import install_peers
from benchmarks.spotfinder.plot import plot
from benchmarks.spotfinder.sets import SETS, ImageSet, SetUnavailableError
from benchmarks.spotfinder.workers import WORKER_SETS, measure_workers

EXAMPLES = """examples:
  python -m benchmarks.spotfinder                                   everything: an hour or so
  python -m benchmarks.spotfinder --sets 4M-u16 pilatus --rounds 2  two sets, quickly
  python -m benchmarks.spotfinder --only ours floor                 without DIALS and peers: a minute
  python -m benchmarks.spotfinder --install-peers                   first fetch mxspots, OM and others
  python -m benchmarks.spotfinder --json run.json --plot run.png    keep the figures; see also
  python -m benchmarks.spotfinder.report run.json                   the tables of benchmarks/README.md"""


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS), help="image sets; all by default")
    parser.add_argument("--only", nargs="*", choices=list(COMPETITORS), default=list(COMPETITORS), help="who competes")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each competitor on each set")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="where all of them run")
    parser.add_argument("--workers", action="store_true", help="also measure worker processes: memory, two beside one")
    parser.add_argument("--install-peers", action="store_true", help="make an environment with other spot finders")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--plot", type=Path, help="where a picture of them goes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, keep."""
    options, console = arguments(), Console(width=None if os.isatty(1) else 150)
    for reason in install_peers() if options.install_peers else []:
        console.print(f"[red]not installed:[/] {reason}", highlight=False)
    report = Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        commit=commit(),
        load_before=os.getloadavg()[0],
    )
    report.workers.extend(worker_figures(console) if options.workers else [])
    os.sched_setaffinity(0, {options.core})
    competitors = [COMPETITORS[name] for name in options.only]
    for name in options.sets:
        if figures := set_figures(SETS[name], competitors, options.rounds, console):
            report.sets.append(figures)
            console.print(tables.set_table(figures))
    finish(report, options, console)


def finish(report: Report, options: argparse.Namespace, console: Console) -> None:
    """What it comes to."""
    report.load_after = os.getloadavg()[0]
    console.print(tables.goal_table(report.sets))
    if report.workers:
        console.print(tables.worker_table(report))
    console.print(f"load of the machine {report.load_before:.1f} before, {report.load_after:.1f} after")
    if options.json:
        options.json.write_text(report.model_dump_json(indent=1))
    if options.plot:
        plot(report, options.plot)


def set_figures(image_set: ImageSet, who: list[Competitor], rounds: int, console: Console) -> SetFigures | None:
    """One set, with a bar for its making and one for the turns; None if its images are not here."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as progress:
        making = progress.add_task(f"{image_set.name}: images", total=None)
        turns = progress.add_task(f"{image_set.name}: turns", total=None)
        try:
            master = image_set.master(lambda done, of: progress.update(making, completed=done, total=of))
        except SetUnavailableError as reason:
            console.print(f"[yellow]{image_set.name} left out:[/] {reason}")
            return None
        return measure(image_set, master, who, rounds, lambda n, of: progress.update(turns, completed=n, total=of))


def worker_figures(console: Console) -> list[WorkerFigures]:
    """Worker processes, before this process is bound to one core."""
    figures = []
    for name in WORKER_SETS:
        with console.status(f"workers on {name}"):
            figures.append(measure_workers(SETS[name]))
    return figures


def commit() -> str:
    """Of the checkout; empty outside git."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()

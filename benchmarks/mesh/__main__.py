"""The mesh as a whole on simulated 4M grids: what it costs beside its workers alone, and how long the beamline waits.

Ingester, spot finder, writer, aggregator and a real ActiveMQ run as `mxmesh up` starts them. Throughput is measured
with images that are on disk already, delays with images written live. Images are simulated once (a minute) and cached.

Examples:
  python -m benchmarks.mesh --quick
  python -m benchmarks.mesh --json mesh.json --plot mesh.png
  python -m benchmarks.mesh --only throughput delays --workers 1
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import anyio
from rich.progress import Progress

from benchmarks.figures import Section
from benchmarks.mesh.course import Course
from benchmarks.mesh.crowd import CROWDS, crowd
from benchmarks.mesh.delays import delays
from benchmarks.mesh.growth import SIZES, growth
from benchmarks.mesh.offline import started
from benchmarks.mesh.plot import PANELS, draw
from benchmarks.mesh.rates import compare, sweep
from benchmarks.mesh.reel import Reel, load_reel
from benchmarks.mesh.rig import working_mesh
from cli.beamline import progress
from simulator.detector import Model

Measure = Callable[[Course], Awaitable[Section]]
FULL: dict[str, Measure] = {
    "throughput": lambda course: compare(course, (41, 29), 5),
    "delays": lambda course: delays(course, (8, 6), 60),
    "blocks": lambda course: sweep(course, (30, 20), 5),
    "growth": lambda course: growth(course, SIZES),
    "crowd": lambda course: crowd(course, (30, 20), CROWDS),
}
QUICK: dict[str, Measure] = {
    "throughput": lambda course: compare(course, (20, 20), 1),
    "delays": lambda course: delays(course, (8, 6), 8),
    "blocks": lambda course: sweep(course, (20, 10), 1),
    "growth": lambda course: growth(course, SIZES[:3]),
    "crowd": lambda course: crowd(course, (30, 20), CROWDS[:3]),
}


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mesh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    only = "measure only these, after the throughput, which sets the live frame rate"
    parser.add_argument("--only", nargs="+", choices=FULL, default=list(FULL), help=only)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="of the spot finder; default: one per core")
    parser.add_argument("--model", choices=get_args(Model), default="4M", help="detector; default: 4M")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller grids: about two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw block size, growth and crowd")
    return parser.parse_args()


def main() -> None:
    """Measure, print each section as it is done, write the files asked for."""
    options = arguments()
    with progress() as bars, tempfile.TemporaryDirectory() as home:
        reel = simulate(options.model, bars)
        sections = anyio.run(measure_all, options, reel, Path(home), bars)
    if options.json:
        options.json.write_text(json.dumps(report(options, sections), indent=1))
    if options.plot and PANELS.keys() & sections.keys():
        draw({name: section.data for name, section in sections.items()}, options.plot)


def simulate(model: Model, bars: Progress) -> Reel:
    """The images, from the cache or made now."""
    bar = bars.add_task("simulate images", total=None)

    def show(n_done: int, n_images: int) -> None:
        bars.update(bar, completed=n_done, total=n_images)

    reel = load_reel(model, workers=os.cpu_count() or 1, on_progress=show)
    bars.remove_task(bar)
    return reel


async def measure_all(options: argparse.Namespace, reel: Reel, home: Path, bars: Progress) -> dict[str, Section]:
    """All that was asked for, one after another on the same mesh; the throughput sets the live frame rate."""
    measures = QUICK if options.quick else FULL
    sections: dict[str, Section] = {}
    names = [name for name in FULL if name in options.only or name == "throughput"]
    async with working_mesh(home, reel, options.workers) as rig:
        pool = await started(options.workers)
        for name in names:
            bar = bars.add_task(f"{name}: collections", total=None)
            course = Course(rig, pool, options.workers, partial(bars.advance, bar), **rates(sections))
            sections[name] = await measures[name](course)
            sections[name].data["rate"] = course.rate
            bars.remove_task(bar)
            print(sections[name], flush=True)
    return sections


def rates(sections: dict[str, Section]) -> dict[str, float]:
    """What earlier sections found that later ones need."""
    return {"rate": sections["throughput"].data["rate"]} if "throughput" in sections else {}


def report(options: argparse.Namespace, sections: dict[str, Section]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    where = {"python": platform.python_version(), "cores": os.cpu_count(), "workers": options.workers}
    found = {
        name: asdict(section) | {"figures": [asdict(figure) | {"met": figure.met} for figure in section.figures]}
        for name, section in sections.items()
    }
    return where | {"model": options.model, "sections": found}


if __name__ == "__main__":
    main()

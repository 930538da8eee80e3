"""What a COMMIT costs at ActiveMQ, and what stays in its memory, by way of acknowledging: on each broker we name.

`growth` passes messages through one subscription in each way and on each broker; `parts` takes a transaction apart;
`services` passes messages through each service of the mesh, on one connection (500,000 of them take hours).
Brokers are Debian's package and artefacts of Maven Central, fetched when they are not there.

Examples:
  python -m benchmarks.commits --quick
  python -m benchmarks.commits --messages 20000 --json commits.json
  python -m benchmarks.commits --only parts
  python -m benchmarks.commits --only services --messages 500000 --brokers debian
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from rich.progress import Progress

from benchmarks.commits.brokers import BROKERS, Memory, started
from benchmarks.commits.growth import WAYS, Grown, grow
from benchmarks.commits.parts import CHANGES, parts
from benchmarks.commits.services import Passed, course_of, feed
from cli.beamline import progress
from cli.broker import LocalBroker
from shared.topology import SERVICES

QUICK, FULL = 2000, 20000
PARTS = ("growth", "parts", "services")


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.commits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="measure only this")
    parser.add_argument("--brokers", nargs="+", choices=BROKERS, default=list(BROKERS), help="default: all")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY", help="default: all")
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=list(SERVICES), help="default: all")
    parser.add_argument("--messages", type=int, default=FULL, help=f"of each way on each broker; default: {FULL}")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} messages: about three minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    """Measure and print tables."""
    options = arguments()
    n = QUICK if options.quick else options.messages // 10 * 10
    found: dict[str, Any] = {}
    with progress() as bars:
        for name in options.brokers:
            found[name] = measure(name, options, n, bars)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measure(name: str, options: argparse.Namespace, n: int, bars: Progress) -> dict[str, Any]:
    """Everything that was asked for on one broker; its tables are printed."""
    found: dict[str, Any] = {}
    wanted = [options.only] if options.only else [part for part in PARTS if part != "services"]
    with started(name) as broker:
        if broker is None:
            print(f"\n{name}: not to be had here (it needs its package, or mvn and Maven Central)")
            return found
        if "growth" in wanted:
            found["growth"] = _growth(name, broker, options.ways, n, bars)
        if "parts" in wanted and name == options.brokers[0]:
            bar = bars.add_task(f"{name}: transactions", total=len(CHANGES))
            found["parts"] = dict(parts(broker, lambda: bars.advance(bar)))
            print("\n".join(table(name, found["parts"])), flush=True)
        if "services" in wanted:
            found["services"] = _services(name, broker, options.services, n, bars)
    return found


def _growth(name: str, broker: LocalBroker, ways: list[str], n: int, bars: Progress) -> dict[str, Any]:
    bar = bars.add_task(f"{name}: messages", total=n * len(ways))
    print("\n".join(HEAD).format(name=name, n=n))
    found = {}
    for way in ways:
        grown = grow(broker, WAYS[way], n, lambda k: bars.advance(bar, k))
        found[way] = asdict(grown)
        print(row(way, grown), flush=True)
    return found


def _services(name: str, broker: LocalBroker, services: list[str], n: int, bars: Progress) -> dict[str, Any]:
    print("\n".join(SERVICES_HEAD).format(name=name, n=n))
    found = {}
    for service in services:
        bar = bars.add_task(f"{name}: {service}", total=n)
        with tempfile.TemporaryDirectory() as folder:
            course = course_of(service, Path(folder))
            passed = anyio.run(feed, broker, course, n, partial(bars.advance, bar))
        found[service] = asdict(passed)
        print(row_of(service, passed), flush=True)
    return found


HEAD = (
    "",
    "| {name}, {n:,} messages each | ms, first tenth | last | ratio | entries kept | heap [MB], first, last |",
    "|---|---|---|---|---|---|",
)


SERVICES_HEAD = (
    "",
    "| {name}, {n:,} each | per s, first tenth | last | COMMIT [ms], first | last | ratio | kept | heap [MB] |",
    "|---|---|---|---|---|---|---|---|",
)


def row_of(service: str, passed: Passed) -> str:
    """One line of the table of services."""
    first, last = passed.commit_ms[0], passed.commit_ms[-1]
    commit = f"{first:.2f} | {last:.2f} | {last / first:.2f}" if first and last else "none | none | -"
    return f"| {service} | {passed.per_s[0]:.0f} | {passed.per_s[-1]:.0f} | {commit} | {_kept(passed.memory)} |"


def _kept(found: list[Memory]) -> str:
    """What the broker has at the end, and its heap at the first and last look."""
    if not found:
        return "no jcmd | no jcmd"
    return f"{found[-1].entries:,} | {found[0].heap_mb:.1f}, {found[-1].heap_mb:.1f}"


def row(way: str, grown: Grown) -> str:
    """One line of the table."""
    first, last = grown.ms[0], grown.ms[-1]
    return f"| {way} | {first:.2f} | {last:.2f} | {grown.slowed:.2f} | {_kept(grown.memory)} |"


def table(name: str, found: dict[str, float]) -> Iterator[str]:
    """Where the time goes."""
    yield from ("", f"| {name}: a transaction | ms |", "|---|---|")
    for what, ms in found.items():
        yield f"| {what} | {ms:.2f} |"


if __name__ == "__main__":
    main()

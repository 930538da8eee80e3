"""What a COMMIT costs at ActiveMQ, and what stays in its memory, by way of acknowledging: on each broker we name.

`growth` passes messages through one subscription in each way and on each broker; `parts` takes a transaction apart.
Brokers are Debian's package and artefacts of Maven Central, fetched when they are not there.

Examples:
  python -m benchmarks.commits --quick
  python -m benchmarks.commits --messages 20000 --json commits.json
  python -m benchmarks.commits --only parts
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from benchmarks.commits.brokers import BROKERS, started
from benchmarks.commits.growth import WAYS, Grown, grow
from benchmarks.commits.parts import CHANGES, parts
from cli.beamline import progress

QUICK, FULL = 2000, 20000


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.commits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("growth", "parts"), help="measure only this")
    parser.add_argument("--brokers", nargs="+", choices=BROKERS, default=list(BROKERS), help="default: all")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY", help="default: all")
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
    with started(name) as broker:
        if broker is None:
            print(f"\n{name}: not to be had here (it needs its package, or mvn and Maven Central)")
            return found
        if options.only != "parts":
            bar = bars.add_task(f"{name}: messages", total=n * len(options.ways))
            found["growth"] = {}
            print("\n".join(HEAD).format(name=name, n=n))
            for way in options.ways:
                grown = grow(broker, WAYS[way], n, lambda k: bars.advance(bar, k))
                found["growth"][way] = asdict(grown)
                print(row(way, grown), flush=True)
        if options.only != "growth" and name == options.brokers[0]:
            bar = bars.add_task(f"{name}: transactions", total=len(CHANGES))
            found["parts"] = dict(parts(broker, lambda: bars.advance(bar)))
            print("\n".join(table(name, found["parts"])), flush=True)
    return found


HEAD = (
    "",
    "| {name}, {n:,} messages each | ms, first tenth | last | ratio | entries kept | heap [MB], first, last |",
    "|---|---|---|---|---|---|",
)


def row(way: str, grown: Grown) -> str:
    """One line of the table."""
    first, last = grown.ms[0], grown.ms[-1]
    kept = f"{grown.memory[-1].entries:,}" if grown.memory else "no jcmd"
    heap = f"{grown.memory[0].heap_mb:.1f}, {grown.memory[-1].heap_mb:.1f}" if grown.memory else "no jcmd"
    return f"| {way} | {first:.2f} | {last:.2f} | {grown.slowed:.2f} | {kept} | {heap} |"


def table(name: str, found: dict[str, float]) -> Iterator[str]:
    """Where the time goes."""
    yield from ("", f"| {name}: a transaction | ms |", "|---|---|")
    for what, ms in found.items():
        yield f"| {what} | {ms:.2f} |"


if __name__ == "__main__":
    main()

"""The STOMP adapter beside a hand-written socket client, stompman and stomp.py: ``python -m benchmarks.stomp``.

All in one run against one ActiveMQ, turn by turn, so that a busy machine is as busy for each; medians of the rounds.
"""

import argparse
import json
import platform
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks.stomp.adapter import Adapter, Port
from benchmarks.stomp.course import BODY, Contestant, Place, Usage
from benchmarks.stomp.hand_written import HandWritten
from benchmarks.stomp.hand_written_async import HandWrittenAsync
from benchmarks.stomp.peers import Stompman, StompPy
from cli.broker import LocalBroker

Figures = dict[str, dict[str, list[Usage]]]
ROUNDS, N_MESSAGES, N_TRANSACTIONS = 5, 1000, 100
IN_FLIGHT = 8
CONTESTANTS: tuple[Contestant, ...] = (HandWritten(), HandWrittenAsync(), Adapter(), Port(), Stompman(), StompPy())
DISCIPLINES: dict[str, tuple[int, Callable[[Contestant, Place, int], Usage | None]]] = {
    "send": (N_MESSAGES, lambda who, place, n: who.send(place, n)),
    "receive": (N_MESSAGES, lambda who, place, n: who.receive(place, n)),
    "transact 1": (N_TRANSACTIONS, lambda who, place, n: who.transact(place, n, 1)),
    f"transact {IN_FLIGHT}": (N_TRANSACTIONS, lambda who, place, n: who.transact(place, n, IN_FLIGHT)),
}


def main() -> None:
    """Run, print the table, write the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", type=Path, default=Path("stomp-benchmark.json"), help="where the figures go")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory, LocalBroker(Path(directory)) as broker:
        figures = run(broker, options.rounds)
        source = broker.source.name if broker.source else ""
    print(table(figures))
    options.json.write_text(json.dumps(report(figures, source), indent=1))


def run(broker: LocalBroker, rounds: int) -> Figures:
    """Every contestant in every discipline, ``rounds`` times in turn; what one has sent, it also receives."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    for number, (discipline, (n, compete)) in product(range(rounds), DISCIPLINES.items()):
        for lane, who in enumerate(CONTESTANTS):
            queue = f"/queue/lane-{lane}.{number}"
            place = Place("127.0.0.1", broker.port, broker.user, broker.password, queue, f"{queue}.replies")
            if discipline.startswith("transact") and not isinstance(who, Stompman | Port):
                HandWritten().send(place, n)
            if usage := compete(who, place, n):
                figures[discipline][who.name].append(usage)
    return figures


def table(figures: Figures) -> str:
    """Rates, CPU time per message, and its ratios to the floor and to stompman."""
    lines = [f"{'':32}" + "".join(f"{name:>30}" for name in DISCIPLINES)]
    for who in CONTESTANTS:
        cells = [cell(figures[discipline], who.name, DISCIPLINES[discipline][0]) for discipline in DISCIPLINES]
        lines.append(f"{who.name:32}" + "".join(f"{text:>30}" for text in cells))
    lines += [verdict(figures, name) for name in ("send", "receive", "both")]
    return "\n".join(lines)


def verdict(figures: Figures, discipline: str) -> str:
    """The adapter's CPU time beside the floors' and stompman's."""
    floor, async_floor, peer = (
        ratio(figures, discipline, one, other)
        for one, other in (
            (Adapter.name, HandWritten.name),
            (Adapter.name, HandWrittenAsync.name),
            (Stompman.name, Adapter.name),
        )
    )
    ours = f"{floor:.2f} x the hand-written socket's, {async_floor:.2f} x hand-written asyncio's"
    return f"CPU time, {discipline}: {ours}; stompman's is {peer:.1f} x ours"


def cell(found: dict[str, list[Usage]], name: str, n: int) -> str:
    """Messages per second and CPU time per message [us]."""
    if name not in found:
        return "-"
    return f"{n / median(u.wall_s for u in found[name]):.0f}/s {cpu_us(found, name, n):.0f} us"


def cpu_us(found: dict[str, list[Usage]], name: str, n: int) -> float:
    """CPU time per message [us]."""
    return 1e6 * median(usage.cpu_s for usage in found[name]) / n


def ratio(figures: Figures, discipline: str, one: str, other: str) -> float:
    """Median over the rounds of one contestant's CPU time in the other's."""
    spent = {who: rounds_cpu_s(figures, discipline, who) for who in (one, other)}
    return median(a / b for a, b in zip(spent[one], spent[other], strict=True))


def rounds_cpu_s(figures: Figures, discipline: str, who: str) -> list[float]:
    """CPU time of each round [s]; ``both`` is sending and receiving."""
    if discipline == "both":
        parts = (rounds_cpu_s(figures, name, who) for name in ("send", "receive"))
        return [sum(pair) for pair in zip(*parts, strict=True)]
    return [usage.cpu_s for usage in figures[discipline][who]]


def report(figures: Figures, source: str) -> dict[str, object]:
    """Everything that was measured."""
    where = {"broker": source, "python": platform.python_version(), "machine": platform.processor()}
    body = {"body_bytes": len(BODY), "messages": {name: n for name, (n, _) in DISCIPLINES.items()}}
    rounds = {d: {who: [asdict(u) for u in usages] for who, usages in found.items()} for d, found in figures.items()}
    return where | body | {"rounds": rounds}


if __name__ == "__main__":
    main()

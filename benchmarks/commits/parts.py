"""Where the milliseconds of a COMMIT go: the same transaction with one thing after another taken away or put in."""

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from statistics import median

from benchmarks.commits.brokers import PLUGIN, otherwise
from benchmarks.commits.wire import Course, Way
from cli.broker import LocalBroker

N = 400
ROUNDS = 5
REMEMBERED = 8000
PLAIN = Way("1.1", forget=10, reply=True)
STORE = re.compile(r"<kahaDB ")
Change = Callable[[str], str]
CHANGES: dict[str, tuple[Change, Way]] = {
    "as configured: a reply and an acknowledgement, 100 in hand": (str, PLAIN),
    "no reply": (str, replace(PLAIN, reply=False)),
    "1,000 in hand": (str, replace(PLAIN, prefetch=1000)),
    "ten deliveries together, per delivery": (str, replace(PLAIN, together=10)),
    "32 deliveries together, per delivery": (str, replace(PLAIN, together=32)),
    "without sync of the journal": (lambda xml: STORE.sub('<kahaDB enableJournalDiskSyncs="false" ', xml), PLAIN),
    "without the redelivery plugin": (lambda xml: PLUGIN.sub("", xml), PLAIN),
    "without the statistics plugin": (lambda xml: xml.replace("<statisticsBrokerPlugin/>", ""), PLAIN),
    "Nagle's algorithm at the broker": (lambda xml: xml.replace("tcpNoDelay=true", "tcpNoDelay=false"), PLAIN),
    "acknowledged outside of transactions, no reply": (str, replace(PLAIN, together=0, reply=False)),
    f"after {REMEMBERED} messages that the broker remembers": (str, replace(PLAIN, forget=0)),
}


def parts(broker: LocalBroker, on_progress: Callable[[], None]) -> Iterator[tuple[str, float]]:
    """Median time per delivery [ms] of each, in the order of ``CHANGES``; rounds interleaved on running brokers."""
    for name, (change, way) in CHANGES.items():
        with nullcontext(broker) if change is str else otherwise(change) as changed:
            course = Course(changed, way)
            if not way.forget:
                remember(course)
            rounds = [median(times_s(course)) for _ in range(ROUNDS)]
            course.close()
        on_progress()
        yield name, 1e3 * median(rounds)


def remember(course: Course) -> None:
    """Let the broker gather what it never forgets."""
    for _ in range(REMEMBERED // N):
        times_s(course)


def times_s(course: Course) -> list[float]:
    """One round."""
    together = course.way.together or 1
    course.fill(N)
    return [course.settle() / together for _ in range(N // together)]

"""What a COMMIT takes, and what the broker has in memory, as messages pass on one subscription."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.commits.brokers import Memory, memory
from benchmarks.commits.wire import Course, Way
from cli.broker import LocalBroker

PILE = 2000  # messages that wait at a time
WAYS = {
    "STOMP 1.2, a transaction each": Way("1.2"),
    "1.2, an empty one aborted after every 100": Way("1.2", forget=100),
    "STOMP 1.1, a transaction each": Way("1.1"),
    "1.1, an empty one aborted after every 100": Way("1.1", forget=100),
    "1.1, after every 10": Way("1.1", forget=10),
    "1.1, after every one": Way("1.1", forget=1),
    "1.1, after every 10, 1,000 in hand": Way("1.1", forget=10, prefetch=1000),
    "1.1, after every 10, ten together": Way("1.1", forget=10, together=10),
    "1.1, after every 10, 32 together": Way("1.1", forget=10, together=32),
    "1.1, mode client, one in hand": Way("1.1", mode="client", prefetch=1),
    "1.1, outside of transactions": Way("1.1", together=0),
}


@dataclass(frozen=True)
class Grown:
    """One way on one broker.

    Attributes:
        ms: per message, median of each tenth [ms].
        memory: after each tenth; empty without a JDK.
    """

    ms: list[float]
    memory: list[Memory]

    @property
    def slowed(self) -> float:
        """Last tenth over first."""
        return self.ms[-1] / self.ms[0]


def grow(broker: LocalBroker, way: Way, n: int, on_progress: Callable[[int], None]) -> Grown:
    """Pass ``n`` messages, a multiple of ten."""
    course, ms, found = Course(broker, way), [], []
    tenth, together = n // 10, way.together or 1
    for _ in range(10):
        times_s: list[float] = []
        for done in range(0, tenth - together + 1, together):
            if done % PILE < together:
                course.fill(min(PILE, tenth - done) + together)
            times_s.append(course.settle() / together)
            on_progress(together)
        ms.append(1e3 * median(times_s))
        if left := memory(broker):
            found.append(left)
    course.close()
    return Grown(ms, found)

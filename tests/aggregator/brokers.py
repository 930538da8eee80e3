"""What a sound broker tells, to be bent."""

from typing import Any

from services.aggregator.broker.answers import BrokerReport, Heap, Queue, Store
from services.aggregator.broker.commits import CommitLog, ServiceCommits
from services.aggregator.broker.watching import BrokerHealth, OldestFile
from tests.aggregator.builders import T0, beat

HEAP = Heap(after_collection_bytes=90_000_000, now_bytes=210_000_000, limit_bytes=358_000_000)
STORE = Store(
    used_bytes=105_000_000, limit_bytes=4_294_967_296, percent=2, files=(7, 8, 9), folder="/broker/data/kahadb"
)
QUEUES = (Queue("find-spots", 12, 1), Queue("xrc.i03", 0, 0), Queue("DLQ.find-spots", 2, 0))


def report(**changes: Any) -> BrokerReport:
    sound = {"version": "5.17.2", "heap": HEAP, "store": STORE, "queues": QUEUES, "n_topics": 14, "untold": ()}
    return BrokerReport(**{**sound, **changes})


def health(**changes: Any) -> BrokerHealth:
    oldest = OldestFile(7, 5400, at_least=False)
    return BrokerHealth(**{"at": T0, "report": report(), "oldest_file": oldest, **changes})


def commits(median_ms: float = 1.4, n: int = 412, service: str = "writer") -> ServiceCommits:
    return ServiceCommits(service, n, median_ms, 9 * median_ms)


def log_of(*told: tuple[str, int, float, float], at=T0) -> CommitLog:
    """Beats heard at a moment: service, number of COMMITs, their median and the longest [ms]."""
    log = CommitLog()
    for service, n, median_ms, longest_ms in told:
        beaten = beat(service, commits=n, commit_median_ms=median_ms, commit_longest_ms=longest_ms)
        log.follow(beaten, at)
    return log

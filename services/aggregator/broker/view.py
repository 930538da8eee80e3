"""What the page and its JSON say of the broker. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.aggregator.broker.commits import WINDOW, ServiceCommits
from services.aggregator.broker.judgement import judge_broker
from services.aggregator.broker.watching import BrokerHealth, Unread
from services.aggregator.health import Circumstances
from services.aggregator.reasons import Verdict

NOBODY_ASKS = (
    "Its heap, store and destinations are not watched: the setting monitor.url of the aggregator names no Jolokia. "
    "The broker of mxmesh up has one with Debian's packages libjolokia-core-java and libjetty9-java, or from Maven."
)


@dataclass(frozen=True, slots=True)
class BrokerView:
    """How the broker is.

    Attributes:
        condition: in a word or two.
        at: when it was looked at.
        untold: what is not known and why, in words.
        commits: of the last ``commits_s`` seconds, by service.
        n_files: files of its journal.
        oldest_file_s: since the oldest of them was written for the last time [s]; None if there is but one.
        n_waiting: messages in all its queues.
    """

    condition: str
    at: datetime | None
    version: str | None
    untold: tuple[str, ...]
    commits_s: float
    commits: tuple[ServiceCommits, ...]
    heap_after_collection_bytes: int | None
    heap_now_bytes: int | None
    heap_limit_bytes: int | None
    heap_percent: float | None
    store_bytes: int | None
    store_limit_bytes: int | None
    store_percent: float | None
    n_files: int | None
    oldest_file_s: float | None
    oldest_file_at_least: bool
    n_queues: int | None
    n_topics: int | None
    n_waiting: int | None
    unread: tuple[Unread, ...]


def broker_of(c: Circumstances) -> BrokerView:
    """Everything that is known of it."""
    health = c.broker
    report = health.report if health else None
    heap, store = (report.heap, report.store) if report else (None, None)
    oldest = health.oldest_file if health else None
    queues = report.queues if report else None
    return BrokerView(
        condition=_condition(c),
        at=health.at if health else None,
        version=report.version if report else None,
        untold=_untold(health),
        commits_s=WINDOW.total_seconds(),
        commits=c.commits,
        heap_after_collection_bytes=heap.after_collection_bytes if heap else None,
        heap_now_bytes=heap.now_bytes if heap else None,
        heap_limit_bytes=heap.limit_bytes if heap else None,
        heap_percent=heap.percent if heap else None,
        store_bytes=store.used_bytes if store else None,
        store_limit_bytes=store.limit_bytes if store else None,
        store_percent=store.percent if store else None,
        n_files=len(store.files) if store and store.files else None,
        oldest_file_s=oldest.age_s if oldest else None,
        oldest_file_at_least=oldest.at_least if oldest else False,
        n_queues=None if queues is None else len(queues),
        n_topics=report.n_topics if report else None,
        n_waiting=None if queues is None else sum(queue.n_waiting for queue in queues),
        unread=health.unread if health else (),
    )


def _condition(c: Circumstances) -> str:
    if not c.broker_connected:
        return "away"
    if any(judge_broker(c.broker, c.commits, c.limits)):
        return Verdict.LOOK_HERE.value
    if c.broker is None:
        return "not watched"
    return "does not tell" if c.broker.fault else Verdict.ALL_RIGHT.value


def _untold(health: BrokerHealth | None) -> tuple[str, ...]:
    if health is None:
        return (NOBODY_ASKS,)
    if health.fault:
        return (f"Its heap, store and destinations are not known: {health.fault}.",)
    return health.report.untold if health.report else ()

"""Is the broker all right, before anybody feels that it is not? Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.aggregator.broker.answers import BrokerReport, Heap, Store
from services.aggregator.broker.commits import LEAST_COMMITS, ServiceCommits
from services.aggregator.broker.watching import BrokerHealth, OldestFile, Unread
from services.aggregator.pulses import span
from services.aggregator.reasons import Reason, Verdict, count
from services.aggregator.settings import MonitorSettings

N_NAMED = 3  # queues named in one sentence


def judge_broker(
    broker: BrokerHealth | None, commits: Sequence[ServiceCommits], limits: MonitorSettings
) -> Iterator[Reason]:
    """Everything that is not as it should be; nothing of it breaks a beamline yet."""
    yield from _slow(commits, limits)
    if broker is None:
        return
    if broker.silent:
        yield _look(
            f"The broker has not told how it is for {_span(broker.silent_s)}: {broker.fault}.",
            "The services do not need that. Check the setting monitor.url of the aggregator, its user and password.",
        )
    if broker.report:
        yield from _full_heap(broker.report.heap, limits)
        yield from _full_store(broker.report, limits)
    if broker.oldest_file:
        yield from _stuck_file(broker, broker.oldest_file, limits)
    yield from map(_unread, broker.forsaken)


def _slow(commits: Sequence[ServiceCommits], limits: MonitorSettings) -> Iterator[Reason]:
    slow = [each for each in commits if each.n >= LEAST_COMMITS and each.median_ms > limits.commit_ms]
    if slow:
        worst = max(slow, key=lambda each: each.median_ms)
        yield _look(
            f"The broker is slow: it takes {_ms(worst.median_ms)} to commit what the {worst.service} says "
            f"(median of {worst.n} within five minutes; {_ms(limits.commit_ms)} are fast enough).",
            "Look at the disk of its store and at its heap below. A restart of the broker loses nothing.",
        )


def _full_heap(heap: Heap | None, limits: MonitorSettings) -> Iterator[Reason]:
    if heap and heap.percent is not None and heap.percent > limits.heap_percent:
        yield _look(
            f"The broker's memory fills: {heap.percent:.0f} % of its heap are in use after a collection, "
            f"up to {limits.heap_percent:g} % are sound.",
            "Start the broker again when no collection runs; nothing is lost. If that lasts days only, give it more "
            "heap (-Xmx), and look for clients that never acknowledge what they take.",
        )


def _full_store(report: BrokerReport, limits: MonitorSettings) -> Iterator[Reason]:
    store = report.store
    if store and store.percent > limits.store_percent:
        yield _look(
            f"The broker's store fills: {store.percent:.0f} % of {_gigabytes(store)} are used; at 100 % nobody can say "
            "anything any more.",
            f"Empty the queues where messages wait: {_fullest(report)}. If they are wanted, raise the store's limit.",
            "mxmesh dlq list",
        )


def _stuck_file(broker: BrokerHealth, oldest: OldestFile, limits: MonitorSettings) -> Iterator[Reason]:
    if broker.report and oldest.age_s > timedelta(days=limits.oldest_file_days).total_seconds():
        yield _look(
            f"The broker's store grows: it has had to keep db-{oldest.number}.log for "
            f"{'at least ' if oldest.at_least else ''}{_span(oldest.age_s)}, because a message in it is still wanted.",
            f"Retry or drop what waits so long; messages wait in {_fullest(broker.report)}.",
            "mxmesh dlq list",
        )


def _unread(queue: Unread) -> Reason:
    return _look(
        f"Nobody reads {queue.queue}, where {count(queue.n_waiting, 'message')} "
        f"{'waits' if queue.n_waiting == 1 else 'wait'}.",
        "Start the service that reads it. If it belongs to one that is no more, delete the queue: its messages stay "
        "for ever, and fill the store.",
    )


def _look(what: str, remedy: str, command: str | None = None) -> Reason:
    return Reason(Verdict.LOOK_HERE, what, remedy, command)


def _fullest(report: BrokerReport) -> str:
    waiting = sorted((queue for queue in report.queues or () if queue.n_waiting), key=lambda queue: -queue.n_waiting)
    named = [f"{queue.name} ({queue.n_waiting})" for queue in waiting[:N_NAMED]]
    more = len(waiting) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "") or "no queue, so in a topic's durable subscription"


def _gigabytes(store: Store) -> str:
    return f"{store.limit_bytes / 1e9:.1f} GB"


def _ms(milliseconds: float) -> str:
    return span(timedelta(milliseconds=milliseconds))


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))

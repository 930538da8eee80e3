"""What Prometheus is told of the broker. Pure."""

from collections.abc import Iterator

from services.aggregator.broker.commits import LEAST_COMMITS
from services.aggregator.broker.view import BrokerView
from services.aggregator.broker.watching import PATIENCE_S

Sample = tuple[tuple[str, ...], float]
Gauge = tuple[str, str, list[Sample], tuple[str, ...]]  # name, what it is, samples, names of their labels


def broker_gauges(broker: BrokerView) -> Iterator[Gauge]:
    """Every figure; without a sample where it is not known."""
    medians = [((each.service, "0.5"), each.median_ms / 1000) for each in broker.commits if each.n >= LEAST_COMMITS]
    longest = [((each.service, "1"), each.longest_ms / 1000) for each in broker.commits]
    labels = ("service", "quantile")
    yield (
        "broker_commit_seconds",
        "COMMIT until its receipt, five minutes, median of 20 and more [s]",
        [*medians, *longest],
        labels,
    )
    for name, what, figure in _figures(broker):
        yield f"broker_{name}", what, [] if figure is None else [((), figure)], ()


def _figures(broker: BrokerView) -> Iterator[tuple[str, str, float | None]]:
    oldest_s = broker.oldest_file_s if broker.oldest_file_s is not None or broker.n_files is None else 0
    forsaken = sum(queue.for_s >= PATIENCE_S for queue in broker.unread)
    yield "told", "1 if the broker's Jolokia answers", None if broker.at is None else broker.version is not None
    yield "heap_after_collection_bytes", "heap in use after a collection", broker.heap_after_collection_bytes
    yield "heap_after_collection_percent", "the same, of its limit", broker.heap_percent
    yield "heap_limit_bytes", "heap for what lives long", broker.heap_limit_bytes
    yield "store_bytes", "size of the store", broker.store_bytes
    yield "store_percent", "the same, of its limit", broker.store_percent
    yield "store_files", "files of the journal", broker.n_files
    yield "store_oldest_file_seconds", "since the oldest journal file that it keeps was written [s]", oldest_s
    yield "queues", "queues on the broker", broker.n_queues
    yield "topics", "topics on the broker", broker.n_topics
    yield (
        "queues_unread",
        "queues of this mesh where messages wait and nobody has read for a minute",
        None if broker.n_queues is None else forsaken,
    )

"""What Prometheus is told: the present state as figures, in its text format. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from math import ceil

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.aggregator.broker.figures import Sample, broker_gauges
from services.aggregator.broker.view import broker_of
from services.aggregator.health import RECENT, Circumstances
from services.aggregator.pulses import ServiceHealth, take_pulses
from services.aggregator.record import CollectionRecord
from services.aggregator.state import State
from shared.messages import RunState

QUANTILES = (0.5, 0.98)


class _Figures(Collector):
    """One look at the state, as Prometheus' library wants to be given it."""

    def __init__(self, state: State, circumstances: Circumstances, beamline: str) -> None:
        self._state = state
        self._circumstances = circumstances
        self._beamline = beamline

    def collect(self) -> Iterator[Metric]:
        state, c = self._state, self._circumstances
        services = take_pulses(state, c.now, c.listening_since, broker_connected=c.broker_connected)
        yield self._gauge("broker_connected", "1 if the aggregator has its broker", [((), c.broker_connected)])
        yield self._gauge("history_writable", "1 if the history can be written", [((), c.journal_fault is None)])
        yield self._gauge("service_instances", "processes that beat", _instances(services), "service")
        yield from self._totals(services)
        yield self._gauge("dead_letters", "messages that wait for an operator", _dead_letters(state, c.now), "queue")
        yield self._gauge("rejections", "announcements rejected in the last hour", [((), _n_rejected(state, c.now))])
        yield self._gauge("images_waiting", "images that are due and have no result", [((), _n_waiting(state, c.now))])
        yield self._gauge("runs", "processing runs that have not ended", _runs(state), "state")
        yield from self._latencies(_recent(state, c.now))
        for name, what, samples, labels in broker_gauges(broker_of(c)):
            yield self._gauge(name, what, samples, *labels)

    def _gauge(self, name: str, what: str, samples: Iterable[Sample], *labels: str) -> Metric:
        family = GaugeMetricFamily(f"mxmesh_{name}", what, labels=("beamline", *labels))
        for values, figure in samples:
            family.add_metric((self._beamline, *values), figure)
        return family

    def _totals(self, services: list[ServiceHealth]) -> Iterator[Metric]:
        labels = ("beamline", "service", "instance")
        handled = CounterMetricFamily("mxmesh_messages_handled", "messages settled by a process", labels=labels)
        rejected = CounterMetricFamily("mxmesh_messages_rejected", "messages that it dead-lettered", labels=labels)
        for service in services:
            for process in service.instances:
                names = (self._beamline, service.service, process.instance)
                handled.add_metric(names, process.handled)
                rejected.add_metric(names, process.rejected)
        yield from (handled, rejected)

    def _latencies(self, records: list[CollectionRecord]) -> Iterator[Metric]:
        """Quantiles over the collections of the last hour; no samples if there were none."""
        kinds = {
            "first_result_seconds": ("from the announcement to the first image result", "first_result_latency"),
            "centring_seconds": ("from the last image result to the crystal's centre", "centring_latency"),
        }
        for name, (what, attribute) in kinds.items():
            known = [span.total_seconds() for record in records if (span := getattr(record, attribute)) is not None]
            samples = [((f"{q:g}",), quantile(known, q)) for q in QUANTILES if known]
            yield self._gauge(name, f"{what}, collections of the last hour [s]", samples, "quantile")


def exposition(state: State, circumstances: Circumstances, beamline: str) -> bytes:
    """Prometheus' text format, version 0.0.4."""
    return generate_latest(_Figures(state, circumstances, beamline))


def quantile(values: list[float], q: float) -> float:
    """The least of ``values`` that a share ``q`` of them does not exceed; ``values`` must not be empty."""
    return sorted(values)[max(0, ceil(q * len(values)) - 1)]


def _instances(services: list[ServiceHealth]) -> Iterator[Sample]:
    for service in services:
        yield (service.service,), sum(instance.alive for instance in service.instances)


def _dead_letters(state: State, now: datetime) -> Iterator[Sample]:
    queues = Counter(letter.dead_letter_queue.removeprefix("/queue/") for letter in state.waiting_letters(now))
    return (((queue,), n) for queue, n in queues.items())


def _n_rejected(state: State, now: datetime) -> int:
    return sum(now - rejection.heard_at < RECENT for rejection in state.rejections.values())


def _recent(state: State, now: datetime) -> list[CollectionRecord]:
    return [record for record in state.collections.values() if now - record.last_at < RECENT]


def _n_waiting(state: State, now: datetime) -> int:
    return sum(_n_due(record, now) for record in _recent(state, now))


def _n_due(record: CollectionRecord, now: datetime) -> int:
    """Images of a collection that should have a result by now; rotations whose spots nobody seeks have none."""
    is_over = record.grid_result is not None or (record.ended is not None and record.ended.outcome == "aborted")
    if not record.details or is_over or not (record.is_grid or record.images):
        return 0
    n_exposed = (now - record.began_at) // timedelta(seconds=record.details.exposure_s)
    return max(0, min(n_exposed, record.details.number_of_images) - len(record.images))


def _runs(state: State) -> Iterator[Sample]:
    runs = Counter(run.state for record in state.collections.values() for run in record.runs.values())
    return (((each.value,), runs[each]) for each in RunState if not each.terminal)

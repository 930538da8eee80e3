"""What of the broker has to be seen more than once: files that stay, queues that nobody reads, silence. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.aggregator.broker.answers import BrokerReport, Queue

PATIENCE_S = 60.0  # a service that starts again leaves its queue, and a broker its Jolokia, for less


@dataclass(frozen=True, slots=True)
class OldestFile:
    """The oldest file of the journal, which the broker would have deleted if it did not need it.

    Attributes:
        number: it is ``db-<number>.log``.
        age_s: since it was written for the last time [s].
        at_least: whether that is only since the aggregator has seen a newer one.
    """

    number: int
    age_s: float
    at_least: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """A queue of the mesh where messages wait and that nobody reads; ``for_s`` since when, as far as was seen [s]."""

    queue: str
    n_waiting: int
    for_s: float


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """The broker as it was at a moment.

    Attributes:
        report: what it told; None if it did not.
        fault: why it did not, in words.
        silent_s: for how long it has not [s].
        oldest_file: None if the journal has but the one that is written.
    """

    at: datetime
    report: BrokerReport | None = None
    fault: str | None = None
    silent_s: float = 0.0
    oldest_file: OldestFile | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether it has told nothing for longer than a restart takes."""
        return self.fault is not None and self.silent_s >= PATIENCE_S

    @property
    def forsaken(self) -> list[Unread]:
        """Queues that have gone unread for longer than a restart takes."""
        return [queue for queue in self.unread if queue.for_s >= PATIENCE_S]


@dataclass
class Watch:
    """What was seen so far; moments are those of a clock that is never set [s].

    Attributes:
        is_inbox: whether services of this mesh should read a queue.
    """

    is_inbox: Callable[[str], bool]
    _outlived_since: dict[int, float] = field(default_factory=dict)
    _unread_since: dict[str, float] = field(default_factory=dict)
    _silent_since: float | None = None

    def silent(self, fault: str, at: datetime, now_s: float) -> BrokerHealth:
        """It told nothing."""
        if self._silent_since is None:
            self._silent_since = now_s
        return BrokerHealth(at, fault=fault, silent_s=now_s - self._silent_since)

    def told(self, report: BrokerReport, at: datetime, now_s: float, written_ago_s: float | None) -> BrokerHealth:
        """It told; its oldest file was written for the last time so long ago, if that can be seen."""
        self._silent_since = None
        files = (report.store.files if report.store else None) or ()
        self._outlived_since = {number: self._outlived_since.get(number, now_s) for number in files[:-1]}
        unread = {queue.name: queue for queue in self._unread(report.queues or ())}
        self._unread_since = {name: self._unread_since.get(name, now_s) for name in unread}
        return BrokerHealth(
            at,
            report,
            oldest_file=self._oldest(now_s, written_ago_s),
            unread=tuple(
                Unread(name, unread[name].n_waiting, now_s - since) for name, since in self._unread_since.items()
            ),
        )

    def _unread(self, queues: Iterable[Queue]) -> Iterable[Queue]:
        return (
            queue for queue in queues if queue.n_waiting > 0 and not queue.n_consumers and self.is_inbox(queue.name)
        )

    def _oldest(self, now_s: float, written_ago_s: float | None) -> OldestFile | None:
        if not self._outlived_since:
            return None
        number = min(self._outlived_since)
        if written_ago_s is not None:
            return OldestFile(number, max(0.0, written_ago_s), at_least=False)
        return OldestFile(number, now_s - self._outlived_since[number], at_least=True)

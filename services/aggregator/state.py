"""(state, message) -> state: everything said on the mesh, folded. Pure; order and repeats do not matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from services.aggregator.heard import Heard
from services.aggregator.record import CollectionRecord, higher
from shared.messages import (
    AnnouncementRejected,
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    DeadLetterTaken,
    GridResult,
    MessageDeadLettered,
    ProcessingRecorded,
    RunChanged,
    ServiceBeat,
    SpotsFound,
)
from shared.settings import DEAD_LETTER_DAYS

T = TypeVar("T")
N_TROUBLES = 100  # rejections and dead letters kept in memory, each
MISSED_BEATS = 2.5  # intervals without a beat after which a process counts as silent
FORGET_INSTANCE = timedelta(hours=1)  # a process that was replaced so long ago is no longer listed


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected announcement."""

    event: AnnouncementRejected
    trace_id: str | None
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody could handle, and what an operator did with it the last time.

    Attributes:
        buried, dug: the moments at which it was dead-lettered, and taken out, each by its speaker's own clock.
    """

    event: MessageDeadLettered | None = None
    taken: DeadLetterTaken | None = None
    buried: frozenset[datetime] = frozenset()
    dug: frozenset[datetime] = frozenset()

    @property
    def at(self) -> datetime:
        """When something last happened to it."""
        return max(part.at for part in (self.event, self.taken) if part)

    @property
    def waits(self) -> bool:
        """Whether it waits for an operator, as far as is known: counted, since the speakers' clocks differ."""
        return len(self.buried) > len(self.dug)


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest sign of life of one process.

    Attributes:
        heard_at: when it was heard, by this machine's clock.
        apart_s: how far its clock is ahead of the broker's [s]; None: the broker put no time on it.
    """

    event: ServiceBeat
    heard_at: datetime
    apart_s: float | None = None

    @property
    def host(self) -> str:
        """Where the process runs."""
        return self.event.instance.rpartition(":")[0]

    def is_fresh(self, now: datetime) -> bool:
        """Whether the next one is not overdue."""
        return now - self.heard_at <= timedelta(seconds=MISSED_BEATS * self.event.interval_s)


@dataclass(frozen=True, slots=True)
class State:
    """What the aggregator knows.

    Attributes:
        n_collections: how many data collections to remember; the ones heard of last stay.
        keep_letters: the broker deletes a dead letter when it is so old.
        collections: by beamline and id, such as ``i03/42``.
        rejections: by message id.
        dead_letters: by dead letter queue and message id.
        beats: by service and instance.
    """

    n_collections: int = 200
    keep_letters: timedelta = timedelta(days=DEAD_LETTER_DAYS)
    collections: Mapping[str, CollectionRecord] = field(default_factory=dict)
    rejections: Mapping[str, Rejection] = field(default_factory=dict)
    dead_letters: Mapping[str, DeadLetter] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)

    def waiting_letters(self, now: datetime) -> list[MessageDeadLettered]:
        """What waits for an operator, as far as is known."""
        letters = self.dead_letters.values()
        return [each.event for each in letters if each.event and each.waits and not self.is_over(each.event, now)]

    def is_over(self, letter: MessageDeadLettered, now: datetime) -> bool:
        """Whether the broker has deleted it by now."""
        return now - letter.at > self.keep_letters

    def newest_collections(self) -> list[CollectionRecord]:
        """Newest first."""
        return sorted(self.collections.values(), key=lambda c: (c.began_at, c.ref.id), reverse=True)

    def moved(self, by: timedelta) -> "State":
        """What was heard is as long ago as before, now that the clock was put by so much."""
        return replace(
            self,
            collections={key: record.moved(by) for key, record in self.collections.items()},
            rejections={key: replace(r, heard_at=r.heard_at + by) for key, r in self.rejections.items()},
            beats={key: replace(beat, heard_at=beat.heard_at + by) for key, beat in self.beats.items()},
        )


def fold(state: State, heard: Heard) -> State:
    """The state after one more message."""
    match heard.message:
        case ServiceBeat() as beat:
            return _beat(
                state, Beat(beat, heard.at, (beat.at - heard.said_at).total_seconds() if heard.said_at else None)
            )
        case AnnouncementRejected() as event:
            return _reject(state, heard.message_id, Rejection(event, heard.trace_id, heard.at))
        case MessageDeadLettered() | DeadLetterTaken() as event:
            return _bury(state, event)
    if heard.collection is None:
        return state
    return _follow(state, heard, heard.collection)


def _beat(state: State, beat: Beat) -> State:
    key = f"{beat.event.service} {beat.event.instance}"
    newest = higher(state.beats.get(key), beat, lambda b: (b.heard_at, b.event.at, b.event.to_json()))
    beats = {**state.beats, key: newest}
    return replace(state, beats={k: b for k, b in beats.items() if not _replaced(b, beats)})


def _replaced(beat: Beat, beats: Mapping[str, Beat]) -> bool:
    newest = max(b.heard_at for b in beats.values() if b.event.service == beat.event.service)
    return beat.heard_at < newest - FORGET_INSTANCE


def _reject(state: State, message_id: str, rejection: Rejection) -> State:
    first = state.rejections.get(message_id, rejection)
    rejection = replace(rejection, heard_at=min(first.heard_at, rejection.heard_at))
    rejections = {**state.rejections, message_id: rejection}
    newest = sorted(rejections.items(), key=lambda item: (item[1].heard_at, item[0]))[-N_TROUBLES:]
    return replace(state, rejections=dict(newest))


def _bury(state: State, event: MessageDeadLettered | DeadLetterTaken) -> State:
    key = f"{event.dead_letter_queue} {event.message_id}"
    old = state.dead_letters.get(key, DeadLetter())
    if isinstance(event, MessageDeadLettered):
        new = replace(
            old,
            event=higher(old.event, event, lambda e: (e.at, e.to_json())),
            buried=old.buried | {event.at},
        )
    else:
        new = replace(old, taken=higher(old.taken, event, lambda e: (e.at, e.to_json())), dug=old.dug | {event.at})
    letters = {**state.dead_letters, key: new}
    newest = sorted(letters.items(), key=lambda item: (item[1].at, item[0]))[-N_TROUBLES:]
    return replace(state, dead_letters=dict(newest))


def _follow(state: State, heard: Heard, ref: CollectionRef) -> State:
    old = state.collections.get(str(ref), CollectionRecord(ref, heard.at, heard.at))
    dated = replace(
        old,
        first_at=min(old.first_at, heard.at),
        last_at=max(old.last_at, heard.at),
        trace=_trace(old.trace, heard),
    )
    return replace(state, collections=_bounded({**state.collections, str(ref): _apply(dated, heard)}, state))


def _apply(record: CollectionRecord, heard: Heard) -> CollectionRecord:
    match message := heard.message:
        case CollectionAccepted():
            return record.accept(message, heard.at)
        case CollectionEnded():
            return record.end(message)
        case SpotsFound():
            return record.add_spots(message)
        case GridResult():
            return record.centre(message)
        case RunChanged() | ProcessingRecorded():
            return record.follow_run(message, heard.at)
    return record


def _trace(old: tuple[int, str] | None, heard: Heard) -> tuple[int, str] | None:
    """The trace of the announcement, else the least of those heard."""
    if heard.trace_id is None:
        return old
    new = (0 if isinstance(heard.message, CollectionAccepted) else 1, heard.trace_id)
    return new if old is None else min(old, new)


def _bounded(collections: dict[str, CollectionRecord], state: State) -> dict[str, CollectionRecord]:
    while len(collections) > state.n_collections:
        del collections[min(collections, key=lambda key: (collections[key].last_at, key))]
    return collections

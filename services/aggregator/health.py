"""Is the beamline's data analysis all right, and if not, why, and what to do? Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.aggregator.broker.commits import ServiceCommits
from services.aggregator.broker.judgement import judge_broker
from services.aggregator.broker.watching import BrokerHealth
from services.aggregator.clocks import CLOCK_REMEDY, clock_faults
from services.aggregator.pulses import Condition, ServiceHealth, span, take_pulses
from services.aggregator.reasons import Reason, Verdict, count
from services.aggregator.record import CollectionRecord, Phase, RunRecord
from services.aggregator.settings import MonitorSettings
from services.aggregator.state import State
from shared.messages import RunState

RECENT = timedelta(hours=1)  # what went wrong earlier is in the tables, but no longer an alarm
PATIENCE = timedelta(seconds=60)  # longest usual pause between two messages about a running collection


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the state does not say.

    Attributes:
        now: the present moment.
        listening_since: when the aggregator began to listen.
        broker_connected: whether it is connected now.
        broker_url: where the broker should be.
        journal_fault: why the history cannot be written.
        commits: how long COMMITs took lately.
        broker: what the broker told of itself; None if nobody asks it.
        limits: from where on an operator should know of the broker.
    """

    now: datetime
    listening_since: datetime
    broker_connected: bool = True
    broker_url: str = ""
    journal_fault: str | None = None
    commits: tuple[ServiceCommits, ...] = ()
    broker: BrokerHealth | None = None
    limits: MonitorSettings = field(default_factory=MonitorSettings)


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict of the beamline as a whole, worst reason first."""

    verdict: Verdict
    reasons: list[Reason]
    services: list[ServiceHealth]


def judge(state: State, c: Circumstances) -> Health:
    """Weigh everything known."""
    services = take_pulses(state, c.now, c.listening_since, broker_connected=c.broker_connected)
    reasons = [
        *_broker(c),
        *(reason for service in services for reason in _service(service, c.now)),
        *_journal(c),
        *_dead_letters(state, c.now),
        *(Reason(Verdict.LOOK_HERE, what, CLOCK_REMEDY) for what in clock_faults(state, c.now)),
        *_rejections(state, c.now),
        *(reason for record in state.newest_collections() for reason in _collection(record, c.now)),
    ]
    order = list(Verdict)
    reasons.sort(key=lambda reason: -order.index(reason.verdict))
    return Health(reasons[0].verdict if reasons else Verdict.ALL_RIGHT, reasons, services)


def _broker(c: Circumstances) -> Iterator[Reason]:
    if not c.broker_connected:
        yield Reason(
            Verdict.BROKEN,
            "The message broker cannot be reached: nothing on this page is new, and the services cannot work.",
            f"Check that ActiveMQ runs at {c.broker_url}; the services connect again by themselves, nothing is lost.",
            "mxmesh doctor",
        )
    else:
        yield from judge_broker(c.broker, c.commits, c.limits)


CONSEQUENCES = {
    "ingester": "announced data collections wait in the broker",
    "spotfinder": "no grid scan is analysed; its images wait",
    "launcher": "no data set is processed; requests wait",
    "writer": "no crystal is centred and nothing is recorded; results wait",
    "aggregator": "this page is behind",
}


def _service(service: ServiceHealth, now: datetime) -> Iterator[Reason]:
    consequence = CONSEQUENCES.get(service.service, "its messages wait")
    remedy = "Start it again (mxmesh up, or restart its pod), then read the end of its log. What waits is not lost."
    if service.condition is Condition.SILENT and service.last_beat_at:
        silence = span(now - service.last_beat_at)
        yield Reason(Verdict.BROKEN, f"The {service.service} has been silent for {silence}: {consequence}.", remedy)
    if service.condition is Condition.NEVER_HEARD:
        yield Reason(Verdict.BROKEN, f"The {service.service} has not been heard: {consequence}.", remedy)


def _journal(c: Circumstances) -> Iterator[Reason]:
    if c.journal_fault:
        yield Reason(
            Verdict.LOOK_HERE,
            f"The history of this page cannot be written: {c.journal_fault}",
            "Make room on the disk or mend the database; until then a restart of the aggregator forgets what is new.",
        )


def _dead_letters(state: State, now: datetime) -> Iterator[Reason]:
    waiting = state.waiting_letters(now)
    for queue in sorted({letter.dead_letter_queue for letter in waiting}):
        letters = [letter for letter in waiting if letter.dead_letter_queue == queue]
        newest = max(letters, key=lambda letter: letter.at)
        yield Reason(
            Verdict.LOOK_HERE,
            f"{count(len(letters), 'message')} could not be handled by the {newest.service}: {newest.reason}",
            "It waits for you: look at it, mend the cause, then retry or drop it.",
            dead_letter_command("show", queue),
        )


def dead_letter_command(action: str, queue: str) -> str:
    """The command line for a dead letter queue, safe to paste into a shell."""
    return f"mxmesh dlq {action} {shlex.quote(queue.removeprefix('/queue/'))}"


def _rejections(state: State, now: datetime) -> Iterator[Reason]:
    recent = [r.event for r in state.rejections.values() if now - r.heard_at < RECENT]
    if recent:
        newest = max(recent, key=lambda event: event.answered_at)
        yield Reason(
            Verdict.LOOK_HERE,
            f"{count(len(recent), 'announcement')} rejected in the last hour: {newest.reason}",
            newest.remedy,
        )


def _collection(record: CollectionRecord, now: datetime) -> Iterator[Reason]:
    if now - record.last_at < RECENT:
        yield from _failed_images(record)
        yield from (reason for run in record.runs.values() for reason in _failed_run(record, run, now))
    if record.details:
        yield from _stalled(record, now)


def _failed_images(record: CollectionRecord) -> Iterator[Reason]:
    if record.n_failed:
        worst, _ = record.failures.most_common(1)[0]
        images = (
            f"{record.n_failed} of {record.n_images} images" if record.n_images else count(record.n_failed, "image")
        )
        yield Reason(
            Verdict.LOOK_HERE,
            f"{images} of {record.ref} could not be analysed: {worst}",
            "Check that the detector wrote its files, and that this machine can read them.",
            collection=str(record.ref),
        )


def _failed_run(record: CollectionRecord, run: RunRecord, now: datetime) -> Iterator[Reason]:
    bad = run.state in (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
    if bad and now - run.last_at < RECENT:
        why = (run.recorded and run.recorded.result.reason) or (run.changed and run.changed.detail) or "no reason given"
        yield Reason(
            Verdict.LOOK_HERE,
            f"Processing of {record.ref} {_PARTICIPLE[run.state]}: {why}",
            "Open the collection: the failed step and the log files are listed there.",
            collection=str(record.ref),
        )


_PARTICIPLE = {RunState.FAILED: "failed", RunState.TIMED_OUT: "took too long", RunState.LOST: "was lost"}
_STALLED = {
    Phase.WAITING: ("no image has been analysed", "the detector writes, and the spotfinder is alive"),
    Phase.FINDING: ("no further image has been analysed", "the detector writes, and the spotfinder is alive"),
    Phase.CENTRING: ("all images are analysed, but there is no centre", "the writer is alive"),
    Phase.COLLECTED: ("no processing has begun", "the launcher is alive"),
}


def _stalled(record: CollectionRecord, now: datetime) -> Iterator[Reason]:
    waiting = now - max(record.last_at, _due(record))
    if record.phase in _STALLED and PATIENCE < waiting < RECENT:
        what, check = _STALLED[record.phase]
        yield Reason(
            Verdict.LOOK_HERE,
            f"{record.ref} is stuck: {what} for {span(waiting)}.",
            f"Check that {check}; look for dead letters below.",
            collection=str(record.ref),
        )


def _due(record: CollectionRecord) -> datetime:
    """When the next word on a collection is due: a rotation is processed after its last image."""
    details = record.details
    if record.phase is Phase.COLLECTED and details and record.ended is None:
        return record.began_at + timedelta(seconds=details.number_of_images * details.exposure_s)
    return record.last_at

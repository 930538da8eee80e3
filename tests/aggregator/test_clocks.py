"""The page judges by what it heard how long ago, whatever happened to the clocks since."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from services.aggregator.__main__ import recall
from services.aggregator.board import Board
from services.aggregator.history import History
from services.aggregator.pulses import Condition
from services.aggregator.state import State
from services.aggregator.web.app import Page
from shared.database import open_database
from shared.messages import ClockJump, CollectionRef, DeadLetterTaken, RunState, now
from shared.pulse import Pulse
from shared.topology import SERVICES
from tests.aggregator.builders import REF, accepted, beat, changed, dead_letter, fold_all, found, heard, rejected, s
from tests.clocks import DAY, EVENTS, HOUR, Machine

every_event = pytest.mark.parametrize("happen", EVENTS.values(), ids=EVENTS.keys())


class Watched:
    """A page, and the services that it hears of, on one machine."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.clock = self.machine.clock
        self.board = Board(State(), self.clock)
        pulse = Pulse("aggregator", started_at=self.clock.now(), prepared=True, broker_connected=lambda: True)
        self.clock.on_jump.append(pulse.move)
        self.page = Page(self.board, pulse, "i03", clock=self.clock.now)
        self.machine.pass_(60)

    def hear(self, *messages) -> None:
        for message in messages:
            self.board.fold(heard(message, at=self.clock.now()))

    def beats(self, *, but: str | None = None) -> None:
        self.hear(*(beat(service, self.clock.now()) for service in SERVICES if service != but))

    def go_on(self, seconds: float) -> None:
        """With all services alive."""
        while seconds > 0:
            self.beats()
            self.machine.pass_(min(5, seconds))
            seconds -= 5

    @property
    def health(self):
        return self.page.status().health

    @property
    def conditions(self):
        return [service.condition for service in self.health.services]


@every_event
def test_no_living_service_is_called_silent(happen):
    mesh = Watched()
    mesh.go_on(30)
    happen(mesh.machine)
    assert mesh.conditions == [Condition.ALIVE] * 5
    mesh.go_on(60)
    assert mesh.conditions == [Condition.ALIVE] * 5


@every_event
def test_a_dead_service_does_not_look_alive(happen):
    mesh = Watched()
    mesh.go_on(30)
    happen(mesh.machine)
    mesh.beats(but="writer")
    mesh.machine.pass_(7)
    mesh.beats(but="writer")
    mesh.machine.pass_(7)
    writer = mesh.health.services[SERVICES.index("writer")]

    assert writer.condition is Condition.SILENT
    assert re.match(r"The writer has been silent for (18|19|20)\.\d s: ", mesh.health.reasons[0].what)


@every_event
def test_a_service_never_heard_is_missed_as_soon_as_it_would_be_otherwise(happen):
    mesh = Watched()
    mesh.beats(but="launcher")
    happen(mesh.machine)
    assert mesh.conditions.count(Condition.NEVER_HEARD) == 1


@every_event
def test_what_went_wrong_is_an_alarm_for_an_hour_of_ours(happen):
    mesh = Watched()
    mesh.hear(rejected(s(0)), found({1: 2}, failed=(0,)), changed(RunState.LOST, at=s(0)))
    happen(mesh.machine)
    mesh.go_on(1800)
    assert len([r for r in mesh.health.reasons if "silent" not in r.what]) == 3
    mesh.go_on(1830)
    assert mesh.health.reasons == []


@every_event
def test_a_grid_scan_is_stuck_after_a_minute_and_not_before(happen):
    mesh = Watched()
    mesh.hear(accepted(), found({0: 1}))
    happen(mesh.machine)
    mesh.go_on(50)
    assert mesh.health.reasons == []
    mesh.go_on(20)
    assert "i03/42 is stuck" in mesh.health.reasons[0].what


@given(st.lists(st.sampled_from(list(EVENTS.values())), min_size=1, max_size=6))
def test_the_newest_grid_scan_stands_first_and_stays_in_memory(course):
    mesh = Watched()
    mesh.board.state = State(n_collections=3)
    for dcid, happen in enumerate(course, start=1):
        mesh.machine.pass_(10)
        mesh.hear(accepted(dcid=dcid, at=mesh.clock.now()))
        happen(mesh.machine)
        newest = mesh.page.newest_grid()
        assert newest
        assert newest.ref.id == dcid

    assert sorted(record.ref.id for record in mesh.board.state.collections.values()) == [
        dcid for dcid in range(len(course) - 2, len(course) + 1) if dcid > 0
    ]


def test_the_clock_of_gda_does_not_order_the_page():
    ahead, right = accepted(dcid=1, at=s(DAY)), accepted(dcid=2, at=s(10))

    state = fold_all([heard(ahead, at=s(0)), heard(right, at=s(10))])

    assert [record.ref.id for record in state.newest_collections()] == [2, 1]


@pytest.mark.parametrize("apart_s", [-HOUR, DAY], ids=str)
def test_a_dead_letter_that_was_dropped_is_gone_whosever_clock_is_off(apart_s):
    taken = DeadLetterTaken(
        dead_letter_queue="/queue/DLQ.find-spots", message_id="ID:i03-control-1", action="dropped", at=s(60)
    )

    state = fold_all([heard(dead_letter(s(apart_s))), heard(taken)])

    assert not next(iter(state.dead_letters.values())).waits


def test_a_run_goes_forward_although_the_launchers_clock_was_put_back():
    earlier, later = changed(RunState.RUNNING, 3, s(0)), changed(RunState.RUNNING, 4, s(-HOUR))

    (run,) = fold_all([heard(earlier, at=s(0)), heard(later, at=s(5))]).collections["i03/43"].runs.values()

    assert run.changed == later


@pytest.mark.parametrize(
    "journalled_s", [[0, 10, 20], [DAY, DAY + 10, 30], [0, 10, DAY], [0, -HOUR, -HOUR + 10]], ids=str
)
async def test_an_aggregator_that_starts_again_knows_the_order_although_the_clock_was_put_back(tmp_path, journalled_s):
    refs = [CollectionRef(beamline="i03", visit=REF.visit, id=n) for n in (1, 2, 3)]
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/history.db") as engine:
        history = History(engine, timedelta(days=7), 200)
        await history.prepare()
        start = now() - timedelta(minutes=5)
        for ref, seconds in zip(refs, journalled_s, strict=True):
            await history.record(heard(found({0: 1}, ref=ref), at=start + timedelta(seconds=seconds)))

        board = await recall(history, State())

    assert [record.ref.id for record in board.state.newest_collections()] == [3, 2, 1]
    assert all(record.last_at <= now() for record in board.state.collections.values())


JUMP = ClockJump(put_s=DAY, at=s(DAY))
ASLEEP = ClockJump(still_s=8 * HOUR, at=s(0))


def sentences(*beats, stamp_s: float | None = 0.0):
    """What the page says; the broker stamps all beats at once."""
    stamp = None if stamp_s is None else s(stamp_s)
    events = [replace(heard(each, at=s(0)), said_at=stamp) for each in beats]
    mesh = Watched()
    for event in events:
        mesh.board.fold(event)
    return [reason.what for reason in mesh.health.reasons if "been heard" not in reason.what]


def test_a_clock_that_was_put_is_told_once_for_its_machine():
    said = sentences(*(beat(service, instance=f"ws001:{i}", clock_jump=JUMP) for i, service in enumerate(SERVICES)))

    assert said == ["The clock of ws001 was put ahead by 1 d 0 h, at 24 Nov 03:00:00 UTC by its new time."]


def test_a_machine_and_a_process_that_stood_still_are_told_apart():
    whole = sentences(beat("writer", clock_jump=ASLEEP), beat("ingester", instance="i03-ws001:2", clock_jump=ASLEEP))
    one = sentences(beat("writer", clock_jump=ASLEEP), beat("ingester", instance="i03-ws001:2"))

    assert whole == ["i03-ws001 stood still for 8 h 0 min until 23 Nov 03:00:00 UTC, as if suspended."]
    assert one == ["writer on i03-ws001 stood still for 8 h 0 min until 23 Nov 03:00:00 UTC, as if suspended."]


def test_the_machine_whose_clock_is_not_that_of_the_others_is_named():
    said = sentences(beat("writer", s(200), "slow:1"), beat("ingester", s(0), "a:1"), beat("launcher", s(1), "b:1"))

    assert said == ["The clock of slow is 3 min 20 s ahead of that of the broker."]


def test_the_broker_is_named_if_it_is_the_one_that_is_off():
    said = sentences(beat("writer", s(0), "a:1"), beat("launcher", s(1), "b:1"), stamp_s=-3600)

    assert said == ["The clock of the broker is 1 h 0 min behind that of a."]


def test_a_beat_that_was_held_up_does_not_make_a_clock_look_slow():
    assert sentences(beat("writer", s(-20), "a:1"), beat("launcher", s(0), "a:2")) == []


def test_without_the_brokers_time_stamps_nothing_is_said_of_differences():
    assert sentences(beat("writer", s(DAY), "a:1"), stamp_s=None) == []


@given(st.floats(-4.9, 4.9))
def test_clocks_that_differ_by_little_are_good_enough(apart_s):
    assert sentences(beat("writer", s(apart_s), "a:1")) == []

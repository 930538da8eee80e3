"""Durations that no clock spoils, and jumps that are noticed."""

from datetime import timedelta

import anyio
import pytest
from hypothesis import given, strategies as st

from shared.clock import PUT_S, REMEMBERED, STILL_S, TICK_S, TOLD_FOR_S, Clock, Deadlines, SignsOfLife
from tests.clocks import DAY, EVENTS, HOUR, Machine

events = st.sampled_from(list(EVENTS.values()))
every_event = pytest.mark.parametrize("happen", EVENTS.values(), ids=EVENTS.keys())


@given(st.lists(st.tuples(st.floats(0, 20), events), max_size=5))
def test_a_process_is_as_long_awake_as_it_was_awake_whatever_happens_to_its_clocks(course):
    machine = Machine()
    begun = machine.clock.awake()
    for seconds, happen in course:
        machine.pass_(seconds)
        happen(machine)

    awake_s = machine.clock.awake() - begun

    assert awake_s == pytest.approx(sum(seconds for seconds, _ in course), abs=TICK_S * (len(course) + 1))


@given(st.lists(st.tuples(st.floats(0, 20), events), max_size=5))
def test_what_is_moved_by_every_jump_stays_as_long_ago_as_the_process_was_awake(course):
    machine = Machine()
    moments = [machine.clock.now()]
    machine.clock.on_jump.append(
        lambda jump: moments.__setitem__(0, moments[0] + timedelta(seconds=jump.lost_s)),
    )
    for seconds, happen in course:
        machine.pass_(seconds)
        happen(machine)
    age_s = (machine.clock.now() - moments[0]).total_seconds()

    assert age_s == pytest.approx(machine.clock.awake(), abs=PUT_S * (len(course) + 1))


@pytest.mark.parametrize("put_s", [DAY, -HOUR])
def test_whoever_asks_the_time_first_learns_of_the_jump_before(put_s):
    machine, jumps = Machine(), []
    machine.clock.on_jump.append(jumps.append)
    machine.put(put_s)
    assert jumps == []

    now = machine.clock.now()

    assert [(jump.put_s, jump.still_s, jump.at) for jump in jumps] == [(put_s, 0, now)]
    machine.pass_(60)
    assert len(jumps) == 1


def test_a_correction_below_a_second_and_a_busy_moment_are_no_jump():
    machine, jumps = Machine(), []
    machine.clock.on_jump.append(jumps.append)
    for _ in range(10):
        machine.put(-0.09)
        machine.stop(STILL_S - 0.1)
        machine.clock.now()

    assert jumps == []


def test_many_small_corrections_are_noticed_once_they_make_a_second():
    machine, jumps = Machine(), []
    machine.clock.on_jump.append(jumps.append)
    for _ in range(250):
        machine.put(-0.01)
        machine.pass_(1)

    assert sum(jump.put_s for jump in jumps) == pytest.approx(-2, abs=0.1)


def test_a_jump_is_told_for_an_hour_and_a_small_one_is_not():
    machine = Machine()
    machine.put(2)
    assert machine.clock.worth_telling() is None
    machine.put(-HOUR)
    told = machine.clock.worth_telling()
    assert told
    assert str(told) == "the clock was put back by 3600 s"

    machine.pass_(TOLD_FOR_S - 2)
    assert machine.clock.worth_telling() == told
    machine.pass_(2)
    assert machine.clock.worth_telling() is None


def test_a_night_asleep_is_told():
    machine = Machine()
    machine.suspend(8 * HOUR)

    assert str(machine.clock.worth_telling()) == "the process stood still for 28799 s"


def test_a_clock_that_nobody_watches_is_awake_whenever_the_machine_is():
    machine = Machine()
    clock = Clock(machine.read)
    machine.stop(HOUR)
    machine.suspend(HOUR)

    assert clock.awake() == HOUR


async def test_the_clock_of_this_machine_goes_on_while_it_is_watched():
    clock = Clock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.watch)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()

    assert 0.04 < clock.awake() < STILL_S
    assert clock.worth_telling() is None


@every_event
def test_a_deadline_passes_when_its_time_was_waited(happen):
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    moment = machine.clock.now() + timedelta(seconds=40)
    assert not deadlines.has_passed("i03/42", moment, 40)
    machine.pass_(10)
    happen(machine)
    assert not deadlines.has_passed("i03/42", moment, 40)
    machine.pass_(28)
    assert not deadlines.has_passed("i03/42", moment, 40)
    machine.pass_(2)

    assert deadlines.has_passed("i03/42", moment, 40)


def test_a_deadline_of_an_earlier_life_is_waited_for_at_most_its_own_length():
    """The clock was a day ahead when it was written down, and right when the process started again."""
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    moment = machine.clock.now() + timedelta(days=1)
    assert not deadlines.has_passed("i03/42", moment, 40)
    machine.pass_(40)

    assert deadlines.has_passed("i03/42", moment, 40)


def test_a_deadline_that_is_brought_forward_counts():
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    now = machine.clock.now()
    assert not deadlines.has_passed("i03/42", now + timedelta(seconds=40), 40)

    assert deadlines.has_passed("i03/42", now, 40)


@every_event
def test_a_wait_that_begins_here_is_not_read_off_the_clock_even_if_that_is_put_at_once(happen):
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    moment = deadlines.agree("i03/42", 40)
    happen(machine)
    machine.pass_(38)
    assert not deadlines.has_passed("i03/42", moment, 40)
    machine.pass_(2)

    assert deadlines.has_passed("i03/42", moment, 40)


@given(st.permutations([40.0, 10.0, 25.0]), events)
def test_of_several_waits_for_one_thing_the_shortest_counts(waits, happen):
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    moments = [deadlines.agree("i03/42", wait_s) for wait_s in waits]
    happen(machine)
    machine.pass_(8)
    assert not any(deadlines.has_passed("i03/42", moment, 40) for moment in moments)
    machine.pass_(2)

    assert all(deadlines.has_passed("i03/42", moment, 40) for moment in moments)


def test_deadlines_are_bounded_and_the_newest_stay():
    machine = Machine()
    deadlines = Deadlines(machine.clock)
    moments = [deadlines.agree(f"i03/{i}", 1) for i in range(REMEMBERED + 1)]
    machine.put(DAY)

    passed = [deadlines.has_passed(f"i03/{i}", moments[i], 1) for i in (REMEMBERED, 0)]
    assert passed == [False, True]


@every_event
def test_a_sign_of_life_is_as_old_as_this_process_has_seen_it(happen):
    """Its file's time is that of a file server; only that it changes says something."""
    machine = Machine()
    signs = SignsOfLife(machine.clock.awake)
    assert signs.silence_s("run", "wrapper", 1) == 0
    machine.pass_(4)
    happen(machine)
    assert signs.silence_s("run", "wrapper", 1) < 6
    assert signs.silence_s("run", "wrapper", 2) == 0
    machine.pass_(20)
    assert signs.silence_s("run", "wrapper", 2) == pytest.approx(20)
    signs.silence_s("other", "wrapper", 2)
    machine.pass_(5)
    signs.forget("run")
    assert signs.silence_s("other", "wrapper", 2) == pytest.approx(5)
    assert signs.silence_s("run", "wrapper", 2) == 0

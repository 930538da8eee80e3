"""Limits, signs of life and cancellations hold, whatever happens to the clocks of launcher, wrapper and who cancels."""

from datetime import timedelta

import pytest

from services.launcher.cancellations import Cancellations
from services.launcher.payload.watch import ALIVE_INTERVAL_S, StoppedError, Watch
from services.launcher.runs import StepRecord
from shared.messages import CancelProcessing
from tests.clocks import DAY, EVENTS, HOUR, Machine
from tests.launcher.builders import request

LIMIT_S = 120
every_event = pytest.mark.parametrize("happen", EVENTS.values(), ids=EVENTS.keys())


@pytest.fixture
def claim(tmp_path):
    file = tmp_path / "wrapper.json"
    file.touch()
    return file


@every_event
@pytest.mark.parametrize("ticks_on", [True, False], ids=["monotonic clock goes on", "it stands still"])
def test_a_run_has_its_time_limit_to_work_in(claim, happen, ticks_on):
    """Slurm stops jobs, too, and lets them go on hours later."""
    machine = Machine()
    watch = Watch({"time_limit_s": LIMIT_S}, claim, lambda: machine.machine_s if ticks_on else machine.running_s)

    def work(seconds):
        for _ in range(seconds):
            machine.pass_(1)
            watch.check()

    work(60)
    happen(machine)
    work(LIMIT_S - 61)
    with pytest.raises(StoppedError, match="time limit of 120 s"):
        work(3)


def test_a_wrapper_shows_that_it_lives_at_once_when_it_goes_on(claim):
    machine = Machine()
    watch = Watch({"time_limit_s": LIMIT_S}, claim, lambda: machine.machine_s)
    watch.check()
    before = claim.stat().st_mtime_ns
    machine.stop(ALIVE_INTERVAL_S + 8 * HOUR)
    watch.check()

    assert claim.stat().st_mtime_ns > before


def test_a_step_during_which_an_older_wrappers_clock_was_put_back_can_be_told():
    record = StepRecord(name="dials.index", state="done", begun_at=1e9, seconds=-3590.0)

    assert record.message().seconds == 0


class Desk:
    """Cancellations, kept where the clock is ``machine``'s."""

    def __init__(self, tmp_path):
        self.machine = Machine()
        self.kept = Cancellations(tmp_path / "cancelled", self.machine.clock.now)
        self.asked = request(tmp_path)

    def request(self, attempt=1, apart_s=0.0):
        """What somebody asks for now, by a clock that is ahead by ``apart_s``."""
        asked_at = self.machine.clock.now() + timedelta(seconds=apart_s)
        return self.asked.model_copy(update={"attempt": attempt, "asked_at": asked_at})

    def cancel(self, *in_hand, apart_s=0.0):
        cancelled_at = self.machine.clock.now() + timedelta(seconds=apart_s)
        cancel = CancelProcessing(collection=self.asked.collection.ref, cancelled_at=cancelled_at)
        return self.kept.take(cancel, in_hand)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@every_event
def test_what_is_in_hand_is_cancelled_and_stays_so(desk, happen):
    early = desk.request()
    desk.machine.pass_(60)
    happen(desk.machine)
    desk.machine.pass_(60)

    assert desk.cancel(early) == {early.run_id}
    happen(desk.machine)
    desk.machine.pass_(60)
    assert desk.kept.of(early)


@every_event
def test_what_is_asked_for_after_a_cancellation_runs(desk, happen):
    desk.cancel(desk.request())
    desk.machine.pass_(60)
    happen(desk.machine)
    desk.machine.pass_(60)

    assert desk.kept.of(desk.request(attempt=2)) is None


@pytest.mark.parametrize("apart_s", [60, DAY], ids=str)
def test_who_cancels_by_a_clock_that_is_ahead_does_not_cancel_the_future(desk, apart_s):
    desk.cancel(apart_s=apart_s)
    desk.machine.pass_(1)

    assert desk.kept.of(desk.request(attempt=2)) is None


@pytest.mark.parametrize("apart_s", [60, DAY], ids=str)
def test_what_was_asked_for_by_a_clock_that_is_ahead_can_be_cancelled(desk, apart_s):
    early = desk.request(apart_s=apart_s)

    assert desk.cancel(early) == {early.run_id}
    assert desk.kept.of(early)


def test_what_comes_late_but_was_asked_for_before_is_cancelled(desk):
    late = desk.request()
    desk.machine.pass_(5)
    desk.cancel()
    desk.machine.pass_(5)

    assert desk.kept.of(late)

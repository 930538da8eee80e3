"""The verdict: all right, look here or broken, with reasons in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.aggregator.health import Circumstances, Verdict, judge
from services.aggregator.pulses import Condition, span
from shared.messages import DeadLetterTaken, RunState
from tests.aggregator.builders import (
    T0,
    accepted,
    beat,
    beats,
    centred,
    changed,
    dead_letter,
    ended,
    fold_all,
    found,
    heard,
    recorded,
    rejected,
    s,
)

LONG = Circumstances(now=T0, listening_since=s(-3600), broker_url="stomp://broker:61613")


def health_of(*events, at=T0, but=None, **circumstances):
    state = fold_all([*beats(at, but=but), *map(heard, events)])
    return judge(state, replace(LONG, now=at, **circumstances))


def test_five_live_services_and_nothing_wrong_is_all_right():
    health = health_of()

    assert (health.verdict, health.reasons) == (Verdict.ALL_RIGHT, [])
    assert [service.condition for service in health.services] == [Condition.ALIVE] * 5


def test_a_service_is_silent_after_two_and_a_half_intervals():
    state = fold_all(beats())

    at_limit = judge(state, replace(LONG, now=s(12.5)))
    after = judge(state, replace(LONG, now=s(12.6)))

    assert (at_limit.verdict, after.verdict) == (Verdict.ALL_RIGHT, Verdict.BROKEN)


def test_a_silent_spotfinder_is_named_with_its_consequence_and_a_remedy():
    health = health_of(beat("spotfinder", s(0)), at=s(200), but="spotfinder")

    (reason,) = health.reasons
    assert reason.what.startswith("The spotfinder has been silent for 3 min 20 s: no grid scan is analysed")
    assert "mxmesh up" in reason.remedy


def test_a_service_never_heard_is_missed_only_after_a_while():
    fresh = health_of(but="writer", listening_since=s(-5))
    later = health_of(but="writer")

    assert fresh.verdict is Verdict.ALL_RIGHT
    assert fresh.services[3].condition is Condition.LISTENING
    assert "The writer has not been heard" in later.reasons[0].what


def test_one_live_replica_is_enough():
    state = fold_all([*beats(), heard(beat("writer", s(60), instance="b:2"), at=s(60))])

    writer = judge(state, replace(LONG, now=s(61))).services[3]

    assert (writer.condition, [one.instance for one in writer.instances]) == (Condition.ALIVE, ["b:2"])


def test_without_a_broker_only_the_broker_is_blamed():
    health = health_of(at=s(0), but="writer", broker_connected=False)
    late = judge(fold_all(beats()), replace(LONG, now=s(600), broker_connected=False))

    assert [reason.verdict for reason in health.reasons + late.reasons] == [Verdict.BROKEN] * 2
    assert "stomp://broker:61613" in late.reasons[0].remedy
    assert late.services[0].condition is Condition.UNKNOWN


def test_a_dead_letter_gives_its_reason_and_the_command():
    (reason,) = health_of(dead_letter(s(-7200)), dead_letter(s(-60), message_id="ID:2", reason="boom")).reasons

    assert reason.what == "2 messages could not be handled by the spotfinder: boom"
    assert reason.command == "mxmesh dlq show DLQ.find-spots"


def test_a_dead_letter_that_the_broker_has_deleted_waits_no_longer():
    ninety_days_s = 90 * 86400
    assert health_of(dead_letter(s(-ninety_days_s - 1))).reasons == []
    assert len(health_of(dead_letter(s(-ninety_days_s + 60))).reasons) == 1


def test_a_dead_letter_that_was_dropped_is_no_alarm():
    letter = dead_letter(s(-60))
    taken = DeadLetterTaken(
        dead_letter_queue=letter.dead_letter_queue, message_id=letter.message_id, action="dropped", at=s(-1)
    )

    assert health_of(letter, taken).verdict is Verdict.ALL_RIGHT


def test_a_queue_name_cannot_smuggle_a_second_command_into_the_shell():
    (reason,) = health_of(dead_letter(dead_letter_queue="/queue/DLQ.x; rm -rf ~")).reasons

    assert reason.command == "mxmesh dlq show 'DLQ.x; rm -rf ~'"


@pytest.mark.parametrize(("minutes", "verdict"), [(59, Verdict.LOOK_HERE), (61, Verdict.ALL_RIGHT)])
def test_a_rejection_is_an_alarm_for_an_hour(minutes, verdict):
    assert health_of(rejected(s(-60 * minutes))).verdict is verdict


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (found({1: 2}, failed=(0,)), "1 image of i03/42 could not be analysed: not written within 25 s"),
        (recorded(RunState.FAILED, reason="dials.index: no lattice"), "i03/43 failed: dials.index: no lattice"),
        (changed(RunState.TIMED_OUT), "i03/43 took too long"),
        (changed(RunState.LOST), "i03/43 was lost"),
    ],
)
def test_what_failed_in_the_last_hour_is_told_with_its_reason(event, words):
    (reason,) = health_of(event, at=s(60)).reasons

    assert (reason.verdict, words in reason.what) == (Verdict.LOOK_HERE, True)
    assert health_of(event, at=s(7200)).verdict is Verdict.ALL_RIGHT


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([accepted()], "no image has been analysed"),
        ([accepted(), found({0: 1})], "no further image has been analysed"),
        ([accepted(), found(dict.fromkeys(range(12), 1))], "there is no centre"),
        ([accepted(None, number_of_images=1)], "no processing has begun"),
    ],
)
def test_a_collection_that_does_not_move_is_stuck(events, words):
    assert health_of(*events, at=s(55)).verdict is Verdict.ALL_RIGHT
    (reason,) = health_of(*events, at=s(90)).reasons
    assert words in reason.what


def test_a_long_rotation_is_not_stuck_while_the_detector_still_counts():
    rotation = accepted(None, number_of_images=3600)

    assert health_of(rotation, at=s(360)).verdict is Verdict.ALL_RIGHT
    assert health_of(rotation, at=s(430)).verdict is Verdict.LOOK_HERE


def test_an_aborted_or_centred_grid_is_not_stuck():
    assert health_of(accepted(), found({0: 1}), ended("aborted"), at=s(600)).verdict is Verdict.ALL_RIGHT
    assert health_of(accepted(), found({0: 1}), centred(), at=s(600)).verdict is Verdict.ALL_RIGHT


def test_a_history_that_cannot_be_written_is_told():
    (reason,) = health_of(journal_fault="disk is full").reasons

    assert "disk is full" in reason.what


def test_the_worst_reason_comes_first():
    health = health_of(rejected(), at=s(0), but="ingester")

    assert [reason.verdict for reason in health.reasons] == [Verdict.BROKEN, Verdict.LOOK_HERE]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "40 ms"), (1.84, "1.8 s"), (59.97, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_a_duration_is_told_with_its_unit(seconds, words):
    assert span(timedelta(seconds=seconds)) == words

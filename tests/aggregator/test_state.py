"""The fold: order and repeats do not matter, and memory is bounded."""

from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies as st

from services.aggregator.heard import KINDS
from services.aggregator.record import Phase
from services.aggregator.state import N_TROUBLES, State, fold
from shared.messages import CollectionRef, DeadLetterTaken, RunState
from tests.aggregator.builders import (
    GRID,
    REF,
    ROTATION,
    TRACE,
    accepted,
    beat,
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

TAKEN = DeadLetterTaken(
    dead_letter_queue="/queue/DLQ.find-spots", message_id="ID:i03-control-1", action="retried", at=s(60)
)
NIGHT = [
    heard(accepted()),
    heard(found({0: 3, 1: 8}, s(1)), trace_id="00000000000000000000000000000001"),
    heard(found({2: 90, 3: 50}, s(2), failed=(4,))),
    heard(found({4: 7}, s(40))),
    heard(centred(at=s(30), status="partial", n_found=11, n_failed=1)),
    heard(centred(at=s(41), version=2, status="amended")),
    heard(ended(at=s(20))),
    heard(accepted(None, s(50))),
    heard(changed(RunState.QUEUED, 0, s(51))),
    heard(changed(RunState.RUNNING, 3, s(60))),
    heard(changed(RunState.SUCCEEDED, 9, s(60))),
    heard(recorded(at=s(61))),
    heard(rejected(s(70)), "ID:rejection"),
    heard(dead_letter(s(50))),
    heard(TAKEN),
    heard(beat("writer", s(5)), at=s(5)),
    heard(beat("writer", s(10), handled=1200), at=s(10)),
    heard(beat("writer", s(10), instance="i03-ws002:9"), at=s(11)),
]


@settings(deadline=None)
@given(st.permutations(NIGHT), st.lists(st.sampled_from(NIGHT)))
def test_any_order_with_any_repeats_gives_the_same_state(night, repeats):
    assert fold_all([*night, *repeats]) == fold_all(NIGHT)


@given(st.sampled_from(NIGHT))
def test_an_event_folded_twice_changes_nothing(event):
    state = fold_all(NIGHT)

    assert fold(state, event) == state


def test_every_message_that_the_topology_sends_here_is_folded():
    assert {type(event.message) for event in NIGHT} == set(KINDS)
    assert all(fold(State(), event) != State() for event in NIGHT)


def test_a_whole_grid_is_told_from_announcement_to_centre():
    events = [heard(accepted()), heard(found(dict.fromkeys(range(12), 5), s(2))), heard(centred(at=s(2.4)))]

    record = fold_all(events).collections["i03/42"]

    assert (record.n_images, record.n_found, record.n_failed, record.phase) == (12, 12, 0, Phase.CENTRED)
    assert record.first_result_latency == timedelta(seconds=2.04)
    assert record.centring_latency == timedelta(seconds=0.4)
    assert record.trace == (0, TRACE)


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([accepted()], Phase.WAITING),
        ([accepted(), found({0: 1})], Phase.FINDING),
        ([accepted(), found(dict.fromkeys(range(11), 1), failed=(11,))], Phase.CENTRING),
        ([accepted(), centred()], Phase.CENTRED),
        ([accepted(), centred(outcome="no crystal", crystals=())], Phase.NO_CRYSTAL),
        ([accepted(), found({0: 1}), ended("aborted")], Phase.ABORTED),
        ([found({0: 1})], Phase.FINDING),
    ],
)
def test_the_phase_of_a_grid_says_where_it_is(events, phase):
    assert fold_all([heard(event) for event in events]).collections["i03/42"].phase is phase


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([accepted(None)], Phase.COLLECTED),
        ([accepted(None), found({0: 90}, ref=ROTATION)], Phase.COLLECTED),
        ([found({0: 90}, ref=ROTATION)], Phase.COLLECTED),
        ([changed()], Phase.PROCESSING),
        ([changed(RunState.SUCCEEDED, 9)], Phase.PROCESSED),
        ([recorded(RunState.FAILED)], Phase.FAILED),
        ([accepted(None), changed(RunState.LOST)], Phase.FAILED),
    ],
)
def test_the_phase_of_a_rotation_says_where_it_is(events, phase):
    assert fold_all([heard(event) for event in events]).collections["i03/43"].phase is phase


def test_a_late_result_of_a_failed_image_replaces_the_failure_whichever_comes_first():
    failed, late = heard(found({}, s(9), failed=(3,))), heard(found({3: 12}, s(5)))

    for events in ([failed, late], [late, failed]):
        record = fold_all(events).collections["i03/42"]
        assert (record.n_found, record.n_failed, record.images[3].n_spots) == (1, 0, 12)


def test_a_terminal_state_of_a_run_is_not_undone_by_a_late_step():
    state = fold_all([heard(changed(RunState.TIMED_OUT, 2, s(1))), heard(changed(RunState.RUNNING, 3, s(2)))])

    (run,) = state.collections["i03/43"].runs.values()
    assert run.state is RunState.TIMED_OUT


def test_a_dead_letter_waits_until_an_operator_takes_it_and_again_if_it_comes_back():
    letters = [heard(dead_letter(s(50))), heard(TAKEN), heard(dead_letter(s(90)))]

    waits = [next(iter(fold_all(letters[:n]).dead_letters.values())).waits for n in (1, 2, 3)]

    assert waits == [True, False, True]


def test_only_the_collections_heard_of_last_stay_in_memory():
    refs = [CollectionRef(beamline="i03", visit=REF.visit, id=n) for n in range(1, 8)]
    events = [heard(found({0: 1}, s(ref.id), ref=ref)) for ref in refs]

    state = fold_all(events, State(n_collections=3))

    assert list(state.collections) == ["i03/5", "i03/6", "i03/7"]


def test_troubles_are_bounded_and_the_newest_stay():
    events = [heard(rejected(s(n), dcid=str(n)), f"ID:{n}") for n in range(N_TROUBLES + 20)]
    events += [heard(dead_letter(s(n), message_id=f"ID:{n}")) for n in range(N_TROUBLES + 20)]

    state = fold_all(events)

    assert {r.event.dcid for r in state.rejections.values()} == {str(n) for n in range(20, N_TROUBLES + 20)}
    assert len(state.dead_letters) == N_TROUBLES


def test_a_process_that_was_replaced_an_hour_ago_is_forgotten():
    events = [heard(beat("writer", instance="old:1")), heard(beat("writer", s(3700), instance="new:2"), at=s(3700))]

    assert [b.event.instance for b in fold_all(events).beats.values()] == ["new:2"]


def test_images_without_announcement_are_kept_and_later_explained():
    late = fold_all([heard(found({0: 4})), heard(accepted())]).collections["i03/42"]

    assert (late.n_images, late.n_found, late.details and late.details.grid) == (12, 1, GRID)

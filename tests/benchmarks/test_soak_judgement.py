import numpy as np
import pytest

from benchmarks.soak.judgement import Point, Row, Rule, excuse, judge

MEMORY = Row("memory", "writer", "MB", floor=2.0)
DATABASE = Row("disk", "results", "MB", floor=0.001, rule=Rule.KEPT)
N = 40


def course(*values):
    return [Point(10 * number, value) for number, value in enumerate(values)]


def rising(start, end):
    return course(*(start + (end - start) * number / (N - 1) for number in range(N)))


def filling(*added):
    """A row that is filled by so much with each sample."""
    return course(*(sum(added[:number]) for number in range(len(added) + 1)))


def test_what_stays_as_it_is_passes():
    found = judge(MEMORY, rising(100, 100))
    assert (found.grown, found.first, found.last, found.ratio) == (False, 100, 100, 1)


def test_what_rises_to_1_3_times_has_grown():
    assert judge(MEMORY, rising(100, 130)).grown


def test_what_rises_to_1_1_times_passes():
    assert not judge(MEMORY, rising(100, 110)).grown


def test_growth_below_the_floor_does_not_count_however_many_times_it_is():
    assert not judge(MEMORY, rising(0.5, 2.4)).grown
    assert judge(MEMORY, rising(0.5, 2.9)).grown


def test_what_was_nothing_and_is_something_has_grown_and_has_no_ratio():
    found = judge(MEMORY, rising(0, 100))
    assert (found.grown, found.ratio is None or found.ratio > 20) == (True, True)
    assert judge(MEMORY, course(*[0] * 20, *[50] * 20)).ratio is None


def test_what_falls_passes():
    assert not judge(MEMORY, rising(130, 50)).grown


@pytest.mark.parametrize("period", [5, 8, 13])
@pytest.mark.parametrize("phase", range(5))
def test_a_saw_tooth_passes(period, phase):
    assert not judge(MEMORY, course(*(100 + 15 * ((number + phase) % period) for number in range(10 * period)))).grown


def test_a_saw_tooth_that_climbs_has_grown():
    assert judge(MEMORY, course(*(100 + 2 * number + 5 * (number % 8) for number in range(80)))).grown


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_a_tenth_passes(seed):
    values = np.random.default_rng(seed)
    assert not judge(MEMORY, course(*(values.normal(100, 10) for _ in range(N)))).grown


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_a_tenth_hides_no_growth_to_one_and_a_half(seed):
    values = np.random.default_rng(seed)
    assert judge(MEMORY, course(*(point.value * values.normal(1, 0.1) for point in rising(100, 150)))).grown


def test_a_burst_in_the_last_tenth_alone_passes():
    assert not judge(MEMORY, course(*[100] * 36, *[130] * 4)).grown


def test_the_slope_is_that_of_a_thousand_collections():
    assert judge(MEMORY, course(*range(N))).slope == pytest.approx(100)


def test_what_each_collection_adds_may_be_added_for_ever():
    found = judge(DATABASE, filling(*[0.15] * N))
    assert (found.grown, found.first, found.last) == (False, pytest.approx(0.015), pytest.approx(0.015))


def test_what_each_collection_adds_must_not_become_more():
    assert judge(DATABASE, filling(*(0.15 * (1 + number / N) for number in range(N)))).grown


def test_a_little_more_than_next_to_nothing_for_each_collection_passes():
    assert not judge(DATABASE, filling(*(0.005 * (1 + number / N) for number in range(N)))).grown


def test_what_is_kept_for_a_while_and_then_removed_passes():
    assert not judge(DATABASE, course(*(0.15 * (number % 12) for number in range(N)))).grown
    assert not judge(DATABASE, course(*[0.15 * min(number, 15) for number in range(N)])).grown


def test_what_is_only_told_is_never_judged():
    assert not judge(Row("disk", "journals", "MB", 0, Rule.TOLD), rising(1, 100)).grown


@pytest.mark.parametrize(
    "points", [course(), course(1, 2, 3), course(*range(7)), [Point(7, value) for value in range(N)]]
)
def test_of_too_little_nothing_is_said(points):
    assert judge(MEMORY, points) is None


LATENCY = Row("latency", "p98", "s", floor=0.3, by_clock=True)
OTHERS = Row("machine", "others", "cores", floor=0, rule=Rule.TOLD)


@pytest.mark.parametrize(("taken", "excused"), [((0.5, 0.6), False), ((0.5, 1.2), True), ((1.2, 0.5), False)])
def test_only_times_by_the_clock_are_excused_and_only_if_others_took_more_in_the_end(taken, excused):
    rows = [(OTHERS, rising(*taken)), (LATENCY, rising(1, 2)), (MEMORY, rising(100, 200))]
    others, latency, memory = excuse([judge(*row) for row in rows], OTHERS, more=0.2)

    assert (latency.grown, latency.disturbed) == (not excused, excused)
    assert (memory.grown, memory.disturbed, others.disturbed) == (True, False, False)

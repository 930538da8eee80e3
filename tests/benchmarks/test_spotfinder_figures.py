import pytest

from benchmarks.spotfinder.cores import cores_table
from benchmarks.spotfinder.figures import Equality, Rate, Report, Row, SetFigures, WorkerFigures, goals_of
from benchmarks.spotfinder.markdown import figure, table
from benchmarks.spotfinder.names import BITSHUFFLE, DIALS_FIND_SPOTS, HDF5PLUGIN, OURS
from benchmarks.spotfinder.report import goals, judged, times


def figures(name="4M-u16", **rows):
    return SetFigures(
        name=name,
        title="a set",
        n_images=2,
        shape=(10, 20),
        dtype="uint16",
        counts_per_px=0.2,
        counts_range=(0.1, 0.3),
        spots_per_image=5,
        spots_range=(4, 6),
        bytes_per_px=0.17,
        rows={row: Row(rounds=rounds) for row, rounds in rows.items()},
    )


@pytest.fixture
def measured():
    """Ours 2 ms, decompression 4 and 1 ms, DIALS 200 ms."""
    rounds = {OURS: [[3, 2.5], [2, 9]], BITSHUFFLE: [[4.0]], HDF5PLUGIN: [[1.0]], DIALS_FIND_SPOTS: [[200], [300]]}
    return figures(**rounds)


@pytest.fixture
def report(measured):
    return Report(date="today", machine="here", commit="abc", load_before=0.5, sets=[measured])


def test_the_quietest_pass_counts_and_the_median_is_of_rounds(measured):
    assert measured.rows[OURS].best_ms == 2
    assert measured.rows[OURS].median_ms == 2.25


def test_the_fastest_library_is_the_floor(measured):
    assert measured.floor == HDF5PLUGIN
    assert measured.x_floor == 2
    assert measured.x_dials == 100
    assert measured.multiple(OURS, BITSHUFFLE) == 0.5


def test_who_was_not_measured_has_no_multiple(measured):
    del measured.rows[DIALS_FIND_SPOTS]

    assert measured.x_dials is None


def test_without_a_floor_there_are_times_and_no_multiples():
    alone = figures(**{OURS: [[2.0]]})

    assert alone.floor == ""
    assert alone.x_floor is None
    assert (
        times(Report(date="", machine="", commit="", load_before=0, sets=[alone]))
        .splitlines()[2]
        .startswith("| 4M-u16 | 2 |")
    )


def test_goals_stand_beside_the_sets_that_were_measured(report):
    assert [(goal.x_floor, found.name) for goal, found in goals_of(report.sets)] == [(1.3, "4M-u16")]
    assert goals(report).splitlines()[2] == (
        "| EIGER 4M uint16, 0.05-0.3 counts/px | 4M-u16 | **2** | <= 1.3 | 0.5 | 100 | >= 60 |"
    )


@pytest.mark.parametrize(
    ("value", "sign", "cell"), [(1, "<=", "1"), (2, "<=", "**2**"), (2, ">=", "2"), (None, ">=", "-")]
)
def test_what_misses_its_goal_is_bold(value, sign, cell):
    assert judged(value, 1.5, sign)[0] == cell


def test_cores_are_cpu_time_times_frame_rate(report):
    report.workers.append(
        WorkerFigures(name="4M-u16", idle_mb=100, peak_mb=200, rates={1: [rate(280)], 2: [rate(560)]})
    )

    slow, fast = cores_table(report).splitlines()[2:]
    assert slow == "| EIGER2 4M | 560 Hz | 4M-u16 | 2 | 1.12 | 2 | 0.56 | 112 | 2 |"
    assert fast.startswith("| EIGER2 4M | 750 Hz | 4M-u16 | 2 | 1.5 | 2 | 0.75 | 150 |")


def rate(images_per_s, cpu_ms=2.0):
    return Rate(images_per_s=images_per_s, cpu_ms=cpu_ms)


def test_two_workers_that_slow_each_other_down_gain_less():
    workers = WorkerFigures(
        name="4M-u16",
        idle_mb=100,
        peak_mb=200,
        rates={1: [rate(90), rate(100)], 2: [rate(150, 2.5)]},
    )

    assert workers.speedup == 1.5
    assert workers.cpu_speedup == pytest.approx(1.6)


def test_a_report_comes_back_from_its_json(report):
    report.sets[0].equality = Equality(
        images=2, equal_images=2, spots=10, equal_spots=10, our_counts=5.0, dials_counts=5.0
    )

    assert Report.model_validate_json(report.model_dump_json()) == report


def test_times_of_absent_programs_are_dashes(report):
    assert times(report).splitlines()[2].split(" | ")[:4] == ["| 4M-u16", "2", "-", "-"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.16234, "0.162"), (3.0, "3"), (1234.5, "1,230"), (369.4, "369"), (None, "-")]
)
def test_figures_have_three_digits(value, text):
    assert figure(value) == text


def test_a_table_has_as_many_dashes_as_columns():
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"

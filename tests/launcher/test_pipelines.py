"""The table of pipelines: what may be asked, and the command lines that follow."""

import re

import pytest

from services.launcher.parameters import Choice, Flag, Number, ParameterError, Text, read_parameters
from services.launcher.pipelines import TABLE, Work

ALL = tuple(TABLE.values())


def work(images=None, others=(), **parameters):
    return Work(
        images=images,
        others=others,
        master_file="/data/a_1_master.h5",
        n_images=40,
        n_processes=2,
        python="/usr/bin/python3",
        image_deadline_s=60,
        parameters=parameters,
    )


def argv(pipeline, step, **asked):
    (found,) = [plan for plan in TABLE[pipeline].steps(work(**asked)) if plan.name == step]
    return found.argv


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_pipeline_waits_for_its_images_first(pipeline):
    first = pipeline.steps(work())[0]
    assert first.argv[-4:] == ("/data/a_1_master.h5", "40", "60", "images.json")


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_step_is_judged_by_a_file(pipeline):
    assert all(plan.outputs for plan in pipeline.steps(work()))


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_program_of_a_pipeline_is_checked_before_it_is_launched(pipeline):
    words = {word for plan in pipeline.steps(work()) for word in plan.argv}
    started = {word for word in words if re.fullmatch(r"dials\.\w+|xia2|fast_dp|process", word)}
    assert started == set(pipeline.programs) - {"xds_par"}  # which fast_dp, autoPROC and xia2 start themselves


def test_dials_runs_from_images_to_merged_intensities():
    names = [plan.name for plan in TABLE["dials"].steps(work())]
    assert names == [
        "await_images",
        "dials.import",
        "dials.find_spots",
        "dials.index",
        "dials.refine",
        "dials.integrate",
        "dials.symmetry",
        "dials.scale",
        "dials.estimate_resolution",
        "merging_statistics",
        "dials.merge",
        "dials.report",
    ]


def test_a_parameter_reaches_every_program_that_heeds_it():
    assert "spotfinder.filter.d_min=1.8" in argv("dials", "dials.find_spots", d_min=1.8)
    assert "prediction.d_min=1.8" in argv("dials", "dials.integrate", d_min=1.8)
    assert "d_min=1.8" in argv("dials", "dials.scale", d_min=1.8)
    assert "resolution.d_min=1.8" in argv("xia2-dials", "xia2", d_min=1.8)


def test_data_are_cut_where_they_end_unless_the_request_says_where():
    assert "resolution_limit.phil" in argv("dials", "merging_statistics")
    assert "resolution_limit.phil" in argv("dials", "dials.merge")
    asked = TABLE["dials"].steps(work(d_min=1.8))
    assert "dials.estimate_resolution" not in [plan.name for plan in asked]
    assert not [word for plan in asked for word in plan.argv if "resolution_limit" in word]


def test_what_is_not_asked_for_is_left_to_the_program():
    assert not [word for step in TABLE["dials"].steps(work()) for word in step.argv if "d_min" in word]


def test_xia2_is_told_which_images_to_process():
    assert "image=/data/a_1_master.h5:1:40" in argv("xia2-dials", "xia2")


PART = {"images": (3, 20)}


def test_a_part_of_the_images_reaches_every_program():
    assert "image_range=3,20" in argv("dials", "dials.import", **PART)
    assert "image=/data/a_1_master.h5:3:20" in argv("xia2-3dii", "xia2", **PART)
    assert {"--first-image=3", "--last-image=20"} <= set(argv("fast_dp", "fast_dp", **PART))
    assert "autoPROC_XdsKeyword_DATA_RANGE=3 20" in argv("autoPROC", "autoPROC", **PART)


def test_sweeps_are_processed_together_where_the_program_can():
    others = ("/data/b_1_master.h5",)
    assert others[0] in argv("dials", "dials.import", others=others)
    assert "image=/data/b_1_master.h5" in argv("xia2-dials", "xia2", others=others)
    assert {name for name, pipeline in TABLE.items() if pipeline.multi_sweep} == {"dials", "xia2-dials", "xia2-3dii"}


def test_known_symmetry_and_limits_reach_the_programs_that_use_xds():
    known = {"space_group": "P43212", "unit_cell": "78.9,78.9,37.1,90,90,90", "d_min": 1.8}
    assert {"--spacegroup=P43212", "--cell=78.9,78.9,37.1,90,90,90", "--resolution-high=1.8"} <= set(
        argv("fast_dp", "fast_dp", **known)
    )
    words = argv("autoPROC", "autoPROC", **known)
    assert {"symm=P43212", "cell=78.9 78.9 37.1 90 90 90"} <= set(words)
    assert words[words.index("-R") : words.index("-R") + 3] == ("-R", "1000", "1.8")


def test_a_report_that_fails_does_not_cost_the_data():
    required = {plan.name: plan.required for plan in TABLE["dials"].steps(work())}
    assert [name for name, needed in required.items() if not needed] == ["dials.report"]


ALLOWED = (
    Number("d_min", "high resolution limit", 0.5, 20, "Å"),
    Number("cycles", "of refinement", 1, 10, whole=True),
    Flag("anomalous", "keep Friedel mates apart"),
    Choice("method", "of indexing", ("fft1d", "fft3d")),
    Text("space_group", "known space group", "[A-Z0-9]+", "a symbol such as P43212"),
)


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ({"d_min": "1.8"}, {"d_min": 1.8}),
        ({"d_min": 2}, {"d_min": 2.0}),
        ({"cycles": "3"}, {"cycles": 3}),
        ({"anomalous": "yes"}, {"anomalous": True}),
        ({"anomalous": False}, {"anomalous": False}),
        ({"method": "fft1d"}, {"method": "fft1d"}),
        ({"space_group": "P43212"}, {"space_group": "P43212"}),
    ],
)
def test_values_are_read_as_what_they_are(asked, read):
    assert read_parameters(ALLOWED, asked) == read


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ({"d_min": 0.1}, "a number from 0.5 to 20 Å"),
        ({"d_min": True}, "a number from 0.5 to 20 Å"),
        ({"d_min": "nan"}, "a number from 0.5 to 20 Å"),
        ({"d_min": "fine"}, "high resolution limit"),
        ({"cycles": 1.5}, "a whole number from 1 to 10"),
        ({"anomalous": "perhaps"}, "true or false"),
        ({"method": "fft2d"}, "one of fft1d, fft3d"),
        ({"space_group": "P1 output.log=/etc/passwd"}, "a symbol such as P43212"),
        ({"nproc": 4}, "there are d_min, cycles, anomalous, method, space_group"),
    ],
)
def test_a_refused_value_is_answered_with_what_is_allowed(asked, advice):
    with pytest.raises(ParameterError, match=advice):
        read_parameters(ALLOWED, asked)


@pytest.mark.parametrize("space_group", ["P43212", "P 41 21 2", "I 1 2/a 1", "R 3 :H", "P -1"])
def test_space_groups_may_be_written_as_people_write_them(space_group):
    assert read_parameters(TABLE["dials"].parameters, {"space_group": space_group})


def test_a_unit_cell_is_six_numbers():
    assert read_parameters(TABLE["dials"].parameters, {"unit_cell": "78.9,78.9,37.1,90,90,90"})
    with pytest.raises(ParameterError, match="six numbers"):
        read_parameters(TABLE["dials"].parameters, {"unit_cell": "78.9,78.9,37.1"})

"""The table of pipelines: what may be asked, and the command lines that follow."""

import re

import pytest

from services.launcher.parameters import Choice, Flag, Number, ParameterError, Text, read_parameters
from services.launcher.pipelines import TABLE, Sweep, UnsuitableWorkError, Work, image_file

ALL = tuple(TABLE.values())


def work(changes=None, **parameters):
    usual = {"master_file": "/data/a_1_master.h5", "n_images": 40, "n_processes": 2, "python": "/usr/bin/python3"}
    return Work(**{**usual, "image_deadline_s": 60, "parameters": parameters, **(changes or {})})


def argv(pipeline, step, changes=None, **parameters):
    (found,) = [plan for plan in TABLE[pipeline].plan(work(changes, **parameters)) if plan.name == step]
    return found.argv


RANGE = {"images": (11, 30)}
TEMPLATE = {"master_file": "/data/a_1_####.cbf"}
OTHERS = ("/data/b_1_master.h5", "/data/c_1_master.h5")
SEVERAL = {"others": (Sweep(OTHERS[0], 30), Sweep(OTHERS[1], 25))}
TEMPLATES = {**TEMPLATE, "others": (Sweep("/data/b_1_####.cbf", 30),)}
PROGRAM = {"xia2-dials": "xia2", "xia2-3dii": "xia2", "fast_dp": "fast_dp", "autoPROC": "autoPROC"}


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_pipeline_waits_for_its_images_first(pipeline):
    first = pipeline.steps(work())[0]
    assert first.argv[-4:] == ("/data/a_1_master.h5", "40", "60", "images.json")


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_step_is_judged_by_a_file(pipeline):
    assert all(plan.outputs for plan in pipeline.steps(work()))


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_every_program_of_a_pipeline_is_checked_before_it_is_launched(pipeline):
    steps = [*pipeline.plan(work()), *pipeline.plan(work(RANGE))]
    started = {plan.argv[0] for plan in steps} - {work().python}
    by_payload = {word for plan in steps for word in plan.argv if re.fullmatch(r"dials\.[a-z_]+", word)}
    assert started | by_payload - {"dials.report"} <= set(pipeline.programs)


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


def test_xia2_is_told_by_which_programs():
    assert argv("xia2-dials", "xia2")[:2] == ("xia2", "pipeline=dials")
    assert argv("xia2-3dii", "xia2")[:2] == ("xia2", "pipeline=3dii")


def test_fast_dp_takes_options_and_then_the_images():
    asked = argv("fast_dp", "fast_dp", d_min=1.8, space_group="P 43 21 2", unit_cell="78.9, 78.9 37.1,90,90,90")
    numbers = ("--first-image=1", "--last-image=40", "--number-of-jobs=1", "--number-of-cores=2")
    known = ("--resolution-high=1.8", "--spacegroup=P43212", "--cell=78.9,78.9,37.1,90,90,90")
    assert asked == ("fast_dp", *numbers, *known, "/data/a_1_master.h5")


def test_autoproc_takes_a_sweep_and_what_is_known():
    asked = argv("autoPROC", "autoPROC", d_min=1.8, space_group="P 43 21 2", unit_cell="78.9,78.9,37.1,90,90,90")
    sweep = ("-Id", "xa1,/data,a_1_master.h5,1,40")
    known = ("-R", "1000", "1.8", "symm=P43212", "cell=78.9 78.9 37.1 90 90 90")
    assert asked[:2] == ("process", "-B")
    assert asked[-7:] == (*sweep, *known)
    assert argv("autoPROC", "autoPROC", anomalous=False)[-1] == "-noANO"


def test_a_path_that_autoproc_would_cut_in_two_is_refused():
    with pytest.raises(UnsuitableWorkError, match="no path with a comma"):
        TABLE["autoPROC"].plan(work({"master_file": "/data/a,1_master.h5"}))


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_a_range_of_images_reaches_the_program_and_its_end_is_awaited(pipeline):
    steps = pipeline.plan(work(RANGE))
    assert steps[0].argv[-3] == "30"
    given = {
        "dials": "image_range=11,30",
        "fast_dp": "--first-image=11 --last-image=30",
        "autoPROC": "a_1_master.h5,11,30",
        "xia2-dials": "image=/data/a_1_master.h5:11:30",
        "xia2-3dii": "image=/data/a_1_master.h5:11:30",
    }
    assert [step.name for step in steps if given[pipeline.name] in " ".join(step.argv)] in (
        ["dials.slice_sequence"],
        [PROGRAM.get(pipeline.name)],
    )


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
@pytest.mark.parametrize("images", [(0, 10), (10, 9), (1, 41)])
def test_images_that_were_not_taken_are_refused(pipeline, images):
    with pytest.raises(UnsuitableWorkError, match="are not among 1-40"):
        pipeline.plan(work({"images": images}))


@pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
def test_of_images_in_files_of_their_own_the_last_is_awaited(pipeline):
    assert pipeline.plan(work(TEMPLATE))[0].argv[-4:] == ("/data/a_1_0040.cbf", "1", "60", "images.json")
    assert pipeline.plan(work({**TEMPLATE, **RANGE}))[0].argv[-4] == "/data/a_1_0030.cbf"


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/data/a_1_master.h5", "/data/a_1_master.h5"),
        ("/data/a_1_####.cbf", "/data/a_1_0007.cbf"),
        ("/data/a#2_##.cbf.gz", "/data/a#2_07.cbf.gz"),
        ("/data/a_#.cbf", "/data/a_7.cbf"),
        ("/data#1/a_master.h5", "/data#1/a_master.h5"),
        ("/data/a#1_master.h5", "/data/a#1_master.h5"),
    ],
)
def test_the_number_of_an_image_takes_the_place_of_the_last_hashes(path, file):
    assert image_file(path, 7) == file


def test_a_template_is_given_as_each_program_takes_it():
    assert "template=/data/a_1_####.cbf" in argv("dials", "dials.import", TEMPLATE)
    assert "image=/data/a_1_0001.cbf:1:40" in argv("xia2-dials", "xia2", TEMPLATE)
    assert argv("fast_dp", "fast_dp", TEMPLATE)[-1] == "/data/a_1_0001.cbf"
    assert "xa1,/data,a_1_####.cbf,1,40" in argv("autoPROC", "autoPROC", TEMPLATE)


def test_several_sweeps_are_processed_together_where_the_program_can():
    assert argv("dials", "dials.import", SEVERAL)[1:4] == ("/data/a_1_master.h5", *OTHERS)
    images = [word for word in argv("xia2-3dii", "xia2", SEVERAL) if word.startswith("image=")]
    assert images == ["image=/data/a_1_master.h5:1:40", *(f"image={other}" for other in OTHERS)]


@pytest.mark.parametrize("name", [pipeline.name for pipeline in ALL if pipeline.multi_sweep])
def test_every_sweep_is_awaited_to_its_last_image(name):
    awaited = [step.argv[-4:] for step in TABLE[name].plan(work(SEVERAL)) if step.name.startswith("await_images")]
    assert awaited == [
        ("/data/a_1_master.h5", "40", "60", "images.json"),
        ("/data/b_1_master.h5", "30", "60", "images_2.json"),
        ("/data/c_1_master.h5", "25", "60", "images_3.json"),
    ]
    assert argv(name, "await_images_2", TEMPLATES)[-4:] == ("/data/b_1_0030.cbf", "1", "60", "images_2.json")


@pytest.mark.parametrize("name", ["fast_dp", "autoPROC"])
def test_several_sweeps_are_refused_where_it_cannot(name):
    with pytest.raises(UnsuitableWorkError, match="one sweep at a time; ask for dials"):
        TABLE[name].plan(work(SEVERAL))


def test_a_range_of_several_sweeps_is_refused():
    with pytest.raises(UnsuitableWorkError, match="leave out the range"):
        TABLE["dials"].plan(work({**SEVERAL, **RANGE}))


def test_dials_takes_no_mixture_of_masters_and_templates():
    with pytest.raises(UnsuitableWorkError, match="not both at once"):
        TABLE["dials"].plan(work({**TEMPLATE, **SEVERAL}))


@pytest.mark.parametrize("name", ["fast_dp", "xia2-dials", "xia2-3dii"])
def test_a_cell_without_its_space_group_is_refused_where_it_would_be_ignored(name):
    with pytest.raises(UnsuitableWorkError, match="give space_group, too"):
        TABLE[name].plan(work(unit_cell="78.9,78.9,37.1,90,90,90"))
    assert TABLE[name].plan(work(unit_cell="78.9,78.9,37.1,90,90,90", space_group="P43212"))


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

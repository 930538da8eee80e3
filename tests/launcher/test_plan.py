"""From a request to a job: directories within bounds, a clean environment, limits from the settings."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.launcher.environment import program_environment
from services.launcher.installed import missing_software
from services.launcher.pipelines import TABLE
from services.launcher.plan import RefusedRunError, family_of, plan_job
from services.launcher.runs import Job
from services.launcher.settings import Settings
from tests.launcher.builders import PYTHON, job, pipeline, request, settings


def test_a_run_works_below_the_visits_processed_folder(tmp_path):
    run_id = request(tmp_path).run_id
    assert job(tmp_path).directory == tmp_path / "processed/lysozyme/xtal1_1/stand-in" / run_id


def test_a_processing_root_keeps_visits_apart(tmp_path):
    planned = job(tmp_path, processing_root=tmp_path / "scratch")
    assert planned.directory.is_relative_to(tmp_path / "scratch/i03/cm12345-1/lysozyme/xtal1_1")


def test_a_folder_that_leads_out_of_the_visit_is_refused(tmp_path):
    stray = request(tmp_path, "dials", folder="../../../etc")
    with pytest.raises(RefusedRunError, match="leads out of"):
        plan_job(stray, settings(tmp_path), TABLE, {})


def test_a_symbolic_link_does_not_lead_out_of_the_data_roots(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/visit").symlink_to("/tmp")
    with pytest.raises(RefusedRunError, match="data_roots"):
        plan_job(
            request(tmp_path / "data/visit", "dials"), settings(tmp_path, data_roots=[tmp_path / "data"]), TABLE, {}
        )


@pytest.mark.parametrize("images", [{"master_file": "/etc/passwd"}, {"folder": "../../secret"}])
def test_images_outside_the_data_roots_are_refused(tmp_path, images):
    roomy = settings(tmp_path, data_roots=[tmp_path / "data"], processing_root=tmp_path / "data/deep/down")
    with pytest.raises(RefusedRunError, match="outside the launcher's data_roots"):
        plan_job(request(tmp_path / "data", "dials", **images), roomy, TABLE, {})


def test_a_further_sweep_outside_the_data_roots_is_refused(tmp_path):
    stray = request(Path("/etc"), dcid=2002).collection
    together = request(tmp_path / "visit", "dials").model_copy(update={"others": (stray,)})
    with pytest.raises(RefusedRunError, match="/etc is outside the launcher's data_roots"):
        plan_job(together, settings(tmp_path, data_roots=[tmp_path]), TABLE, {})


def test_a_visit_below_a_data_root_is_accepted(tmp_path):
    roomy = settings(tmp_path, data_roots=[tmp_path])
    assert plan_job(request(tmp_path / "cm12345-1", "dials"), roomy, TABLE, {}).family == "dials"


def test_an_unknown_pipeline_is_refused_with_the_names_of_those_there_are(tmp_path):
    with pytest.raises(RefusedRunError, match="there are dials, fast_dp, xia2-dials"):
        plan_job(request(tmp_path, "xia3"), settings(tmp_path), TABLE, {})


def test_work_that_the_program_cannot_do_is_refused(tmp_path):
    asked = request(tmp_path, "fast_dp", parameters={"unit_cell": "78.9,78.9,37.1,90,90,90"})
    with pytest.raises(RefusedRunError, match="give space_group, too"):
        plan_job(asked, settings(tmp_path), TABLE, {})


@pytest.mark.parametrize(
    ("name", "family"),
    [("dials", "dials"), ("xia2-dials", "xia2"), ("xia2-3dii", "xia2"), ("autoproc", "autoPROC"), ("?", "dials")],
)
def test_a_result_goes_to_its_familys_queue_even_if_the_pipeline_does_not_exist(tmp_path, name, family):
    assert family_of(request(tmp_path, name), TABLE) == family


def test_the_operators_time_limit_wins(tmp_path):
    assert job(tmp_path, time_limit_s={"stand-in": 7}).time_limit_s == 7


def test_a_request_wins_over_the_parameters_of_the_settings(tmp_path):
    beamline = settings(tmp_path, parameters={"dials": {"d_min": 2.5, "max_refine": 5}})
    planned = plan_job(request(tmp_path, "dials", parameters={"d_min": 1.5}), beamline, TABLE, {})
    words = [word for step in planned.steps for word in step.argv]
    assert "d_min=1.5" in words
    assert "basis_vector_combinations.max_refine=5" in words


@pytest.mark.parametrize("parameters", [{"dials": {"d_min": 0}}, {"dials": {"dmin": 2}}, {"xia3": {}}])
def test_wrong_parameters_in_the_settings_stop_the_service_at_start(tmp_path, parameters):
    with pytest.raises(ValidationError):
        settings(tmp_path, parameters=parameters)


@pytest.mark.parametrize("limit", ["time_limit_s", "memory_gb"])
def test_a_limit_of_a_pipeline_that_there_is_not_stops_the_service_at_start(limit):
    with pytest.raises(ValidationError, match="there is no pipeline 'dails'; there are dials"):
        Settings(**{limit: {"dails": 8}})


def test_a_job_survives_being_written_and_read(tmp_path):
    planned = job(tmp_path)
    assert Job.model_validate_json(planned.model_dump_json()) == planned


def test_programs_see_no_password_and_nothing_of_the_virtual_environment(tmp_path):
    own = {
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin",
        "VIRTUAL_ENV": sys.prefix,
        "PYTHONPATH": "/somewhere",
        "MXMESH_BROKER__PASSWORD": "secret",
        "HOME": "/home/i03",
        "LC_ALL": "C.UTF-8",
    }
    seen = program_environment(own, tmp_path, {"CCP4": "/opt/ccp4"})
    assert seen == {
        "PATH": "/usr/bin",
        "HOME": "/home/i03",
        "LC_ALL": "C.UTF-8",
        "HDF5_PLUGIN_PATH": str(tmp_path),
        "HDF5_USE_FILE_LOCKING": "FALSE",
        "CCP4": "/opt/ccp4",
    }


def test_the_bitshuffle_filter_is_found_where_the_package_keeps_it(tmp_path):
    assert list(settings(tmp_path).hdf5_plugins.glob("*bshuf*"))


def test_missing_programs_and_modules_are_named():
    row = pipeline(programs=("sh", "no-such-program"), modules=("json", "no_such_module"))
    assert missing_software(row, "/usr/bin:/bin", PYTHON) == ("no-such-program", "python module no_such_module")


def test_a_missing_interpreter_is_named():
    assert missing_software(pipeline(), "/bin", Path("/no/python3")) == ("/no/python3",)


@pytest.mark.parametrize("images", [(0, 5), (5, 3), (1, 41)])
def test_images_that_there_are_not_are_refused(tmp_path, images):
    asked = request(tmp_path, "dials").model_copy(update={"images": images})
    with pytest.raises(RefusedRunError, match="are not among 1-40"):
        plan_job(asked, settings(tmp_path), TABLE, {})


def test_a_part_of_the_images_is_a_run_of_its_own(tmp_path):
    whole = request(tmp_path, "dials")
    part = whole.model_copy(update={"images": (1, 20)})
    assert part.run_id != whole.run_id
    planned = plan_job(part, settings(tmp_path), TABLE, {})
    assert "image_range=1,20" in planned.command
    assert planned.ref.asked == "images 1-20"


def test_sweeps_are_not_given_to_a_pipeline_that_takes_one(tmp_path):
    other = request(tmp_path, dcid=2002, run_number=2, number_of_images=1234).collection
    together = request(tmp_path, "dials").model_copy(update={"others": (other,)})
    planned = plan_job(together, settings(tmp_path), TABLE, {})
    assert str(other.master_path) in planned.command
    assert "1234" in planned.steps[1].argv
    assert planned.ref.asked == "with 2002"
    with pytest.raises(RefusedRunError, match="one sweep at a time"):
        plan_job(together.model_copy(update={"pipeline": "fast_dp"}), settings(tmp_path), TABLE, {})


def test_a_cell_that_was_announced_without_a_space_group_is_left_out_where_it_cannot_be_used(tmp_path):
    announced = request(tmp_path, "fast_dp", unit_cell=(78.9, 78.9, 37.1, 90, 90, 90))
    assert "--cell" not in " ".join(plan_job(announced, settings(tmp_path), TABLE, {}).command)
    known = request(tmp_path, "fast_dp", unit_cell=(78.9, 78.9, 37.1, 90, 90, 90), space_group="P43212")
    assert "--cell=78.9,78.9,37.1,90,90,90" in plan_job(known, settings(tmp_path), TABLE, {}).command


def test_images_in_files_of_their_own_are_given_as_a_template(tmp_path):
    planned = plan_job(request(tmp_path, "dials", master_file="a_1_####.cbf"), settings(tmp_path), TABLE, {})
    assert f"template={tmp_path}/lysozyme/a_1_####.cbf" in planned.command

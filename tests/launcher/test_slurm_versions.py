"""Request bodies and answers of slurmrestd v0.0.38 to v0.0.44, by value."""

import math
import shlex
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.launcher.backends.slurm.answers import Answer, Exit, SlurmJob
from services.launcher.backends.slurm.reading import end_of, waits_for
from services.launcher.backends.slurm.requests import (
    KNOWN,
    common_version,
    minutes,
    script,
    served_versions,
    submission,
)
from services.launcher.slurm_settings import SlurmSettings
from shared.messages import RunState
from tests.launcher.builders import FIRST, PYTHON, job

LATER = KNOWN[1:]
ALL_SET = SlurmSettings(partition="mx", account="i03", qos="fast", cpus=8, nice=100, priority=7)


def body(tmp_path, version, settings=ALL_SET):
    run = job(tmp_path, FIRST, memory_gb={"stand-in": 16})
    return submission(run, PYTHON, settings, version)["job"]


def struct(number):
    return {"set": True, "infinite": False, "number": number}


def slurm_job(**fields):
    return SlurmJob.model_validate({"job_id": 12, "name": "run", **fields})


def test_the_oldest_version_takes_plain_numbers_and_a_mapping(tmp_path):
    asked = body(tmp_path, "v0.0.38")
    assert (asked["time_limit"], asked["memory_per_node"], asked["priority"]) == (6, 15259, 7)
    assert asked["environment"]["PATH"] == "/usr/bin:/bin"
    assert asked["no_requeue"] is True


@pytest.mark.parametrize("version", LATER)
def test_later_versions_take_structures_and_a_list(tmp_path, version):
    asked = body(tmp_path, version)
    assert asked["time_limit"] == struct(6)
    assert asked["memory_per_node"] == struct(15259)  # 16 GB in MiB, which Slurm calls MB
    assert asked["priority"] == struct(7)
    assert "PATH=/usr/bin:/bin" in asked["environment"]
    assert asked["requeue"] is False


@pytest.mark.parametrize("version", KNOWN)
def test_all_versions_take_the_rest_alike(tmp_path, version):
    asked, run = body(tmp_path, version), job(tmp_path, FIRST)
    assert asked["name"] == run.run_id
    assert asked["current_working_directory"] == str(run.directory)
    assert asked["standard_output"] == asked["standard_error"] == f"{run.directory}/slurm.log"
    words = [asked[name] for name in ("partition", "account", "qos", "cpus_per_task", "nice")]
    assert words == ["mx", "i03", "fast", 8, 100]


@pytest.mark.parametrize("version", KNOWN)
def test_what_is_not_set_is_not_asked_for(tmp_path, version):
    asked = body(tmp_path, version, SlurmSettings())
    assert not {"partition", "account", "qos", "nice", "priority"} & set(asked)


@pytest.mark.parametrize("version", KNOWN)
def test_a_run_of_an_earlier_launcher_gets_the_partitions_memory(tmp_path, version):
    earlier = job(tmp_path, FIRST).model_copy(update={"memory_gb": None})
    assert "memory_per_node" not in submission(earlier, PYTHON, ALL_SET, version)["job"]


@pytest.mark.parametrize("version", KNOWN)
def test_an_environment_is_never_empty(tmp_path, version):
    bare = job(tmp_path, FIRST).model_copy(update={"environment": {}})
    assert submission(bare, PYTHON, ALL_SET, version)["job"]["environment"]


@pytest.mark.parametrize("limit_s", [0.5, 60, 61, 3600])
def test_slurms_limit_is_never_before_our_own(limit_s):
    assert minutes(limit_s, 1) * 60 >= limit_s + 60
    assert minutes(limit_s, 1) == math.ceil(limit_s / 60) + 1


def test_a_directory_with_any_name_is_entered_and_a_missing_one_ends_the_job(tmp_path):
    odd = job(tmp_path, FIRST).model_copy(update={"directory": tmp_path / "it's; a $(name)"})
    text = script(odd, Path("/bin/echo"))
    assert subprocess.run(["/bin/sh", "-c", text], check=False).returncode == 97
    odd.directory.mkdir()
    done = subprocess.run(["/bin/sh", "-c", text], check=False, capture_output=True, text=True)
    assert done.stdout.strip() == f"{odd.directory}/payload/wrapper.py {odd.directory}"
    assert shlex.split(text.splitlines()[1])[2] == str(odd.directory)


def test_the_highest_version_that_both_know_is_spoken():
    served = '{"paths": {"\\/slurm\\/v0.0.36\\/jobs\\/": {}, "/slurm/v0.0.38/jobs": {}, "/slurmdb/v0.0.39/jobs": {}}}'
    assert served_versions(served) == ("v0.0.36", "v0.0.38")
    assert common_version(served) == "v0.0.38"
    assert common_version('"/slurm/v0.0.44/jobs" "/slurm/v0.0.45/jobs" "/slurm/v0.0.43/jobs"') == "v0.0.44"
    assert common_version('"/slurm/v0.0.37/jobs"') is None


def test_a_version_that_we_do_not_know_cannot_be_set():
    with pytest.raises(ValidationError, match="api_version"):
        SlurmSettings(api_version="v0.0.37")


@pytest.mark.parametrize(
    ("exit_code", "meaning"),
    [
        (1792, Exit(status=7)),
        (9, Exit(signal=9)),
        (0, Exit()),
        (15 << 8 | 53, Exit(status=15, signal=53)),
        ({"status": ["ERROR"], "return_code": struct(7)}, Exit(status=7)),
        ({"return_code": struct(7), "signal": {"signal_id": 0, "name": "NONE"}}, Exit(status=7)),
        ({"return_code": {"set": False, "infinite": False, "number": 0}, "signal": {"signal_id": 9}}, Exit(signal=9)),
        ({"status": ["SIGNALED"], "signal": {"id": struct(9), "name": "KILL"}}, Exit(signal=9)),
    ],
)
def test_the_end_of_a_script_is_read_in_every_shape(exit_code, meaning):
    assert slurm_job(exit_code=exit_code).exit == meaning


@pytest.mark.parametrize(
    ("job_state", "state", "ended"),
    [
        ("RUNNING", "RUNNING", False),
        (["RUNNING"], "RUNNING", False),
        ("COMPLETING", "COMPLETING", False),
        (["COMPLETED", "COMPLETING"], "COMPLETED", False),
        (["COMPLETING", "TIMEOUT"], "TIMEOUT", False),
        ("TIMEOUT", "TIMEOUT", True),
        (["NODE_FAIL"], "NODE_FAIL", True),
        ([], "UNKNOWN", False),
    ],
)
def test_a_state_is_final_only_once_nothing_completes(job_state, state, ended):
    read = slurm_job(job_state=job_state)
    assert (read.state, read.ended) == (state, ended)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"error_code": 2000, "error": "Invalid partition"}, "Invalid partition (2000)"),
        ({"error_number": 2017, "error": "bad", "description": "Unable", "source": "x"}, "bad: Unable (2017)"),
        ({"error_number": 2014}, "no reason given (2014)"),
    ],
)
def test_errors_are_read_whatever_their_keys(error, words):
    assert Answer.model_validate({"errors": [error]}).words == words


def test_a_job_that_waits_for_nodes_is_told_from_one_that_would_wait_for_ever():
    assert not Answer.model_validate({"errors": [{"error_code": 2068, "error": "drained"}], "job_id": 3}).never_starts
    assert Answer.model_validate({"errors": [{"error_code": 2015, "error": "limit"}], "job_id": 3}).never_starts


def test_the_empty_error_of_a_success_is_none():
    assert Answer.model_validate({"errors": [{"error_code": 0, "error": ""}], "job_id": 3}).faults == ()


@pytest.mark.parametrize(
    ("slurm_state", "state"),
    [
        ("COMPLETED", RunState.FAILED),
        ("FAILED", RunState.FAILED),
        ("OUT_OF_MEMORY", RunState.FAILED),
        ("TIMEOUT", RunState.TIMED_OUT),
        ("DEADLINE", RunState.TIMED_OUT),
        ("CANCELLED", RunState.CANCELLED),
        ("NODE_FAIL", RunState.LOST),
        ("BOOT_FAIL", RunState.LOST),
        ("PREEMPTED", RunState.LOST),
        ("REVOKED", RunState.LOST),
    ],
)
@pytest.mark.parametrize("shape", [str, lambda state: [state]], ids=["word", "list"])
def test_every_final_state_is_one_end(slurm_state, state, shape):
    assert end_of(slurm_job(job_state=shape(slurm_state)), 12)[0] is state


def test_a_job_that_slurm_forgot_is_lost():
    state, reason = end_of(None, 12)
    assert state is RunState.LOST
    assert "12" in reason


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (97 << 8, "cannot enter the run's directory"),
        (127 << 8, "does not have `python`"),
        (7 << 8, "exit status 7"),
        (9, "ended by SIGKILL"),
        (15 << 8 | 53, "cannot write slurm.log"),
    ],
)
def test_a_failure_is_explained(exit_code, words):
    failed = slurm_job(job_state="FAILED", exit_code=exit_code, state_reason="JobLaunchFailure")
    assert words in end_of(failed, 12)[1]
    assert "JobLaunchFailure" not in end_of(failed, 12)[1]


def test_a_waiting_job_tells_why():
    assert waits_for(slurm_job(job_state="PENDING", state_reason="Resources")) == "Slurm job 12 waits: Resources"
    assert waits_for(slurm_job(job_state=["PENDING"], state_reason="None")) == "Slurm job 12 waits"
    assert waits_for(slurm_job(job_state="RUNNING")) is None

"""Runs on a real Slurm 22.05: what bites there, each with its test."""

import json
import os
import signal
import time
from contextlib import asynccontextmanager

import anyio
import pytest

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.backends.choice import chosen_backend
from services.launcher.backends.slurm.answers import Exit
from services.launcher.backends.slurm.backend import SUBMITTED
from services.launcher.backends.slurm.requests import submission
from services.launcher.runs import RunDirectory
from shared.messages import RunState
from tests.launcher.builders import FIRST, PYTHON, SECOND, SLOW, job, settings, step, until
from tests.launcher.slurm_cluster import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]
LIMIT_S = 60
GATED = step("gated", "while [ ! -e go ]; do sleep 0.05; done; echo 1 > done.txt")


@asynccontextmanager
async def backend_on(tmp_path, cluster, **changes):
    """As the service makes it."""
    chosen = settings(tmp_path, backend="slurm", slurm=cluster.settings(**changes))
    async with chosen_backend(chosen) as backend:
        yield backend


@pytest.fixture
async def backend(tmp_path, cluster):
    async with backend_on(tmp_path, cluster) as backend:
        yield backend


async def end(backend, run, limit_s=LIMIT_S):
    """How the run ended."""

    async def ended():
        status = await backend.status(run)
        return status.ending if status else None

    return await until(ended, limit_s)


async def claimed(backend, run):
    """Wait until the wrapper runs."""

    async def is_running():
        return (await backend.status(run)).state is RunState.RUNNING

    await until(is_running, LIMIT_S)


def job_id(run):
    return str(json.loads((run.directory / SUBMITTED).read_text())["job_id"])


async def test_a_run_succeeds(tmp_path, backend):
    run = job(tmp_path, FIRST, SECOND)
    await backend.submit(run)
    ending = await end(backend, run)
    assert ending.state is RunState.SUCCEEDED
    assert [done.name for done in ending.steps] == ["first", "second"]


async def test_a_failed_program_is_the_wrappers_to_tell(tmp_path, backend):
    run = job(tmp_path, step("fail", "echo no crystal; exit 7"))
    await backend.submit(run)
    ending = await end(backend, run)
    assert ending.state is RunState.FAILED
    assert "no crystal" in ending.reason


async def test_the_wrapper_keeps_the_limit_in_seconds(tmp_path, backend):
    run = job(tmp_path, SLOW, time_limit_s={"stand-in": 1})
    await backend.submit(run)
    assert (await end(backend, run)).state is RunState.TIMED_OUT


async def test_a_running_run_is_cancelled_by_its_wrapper(tmp_path, backend):
    run = job(tmp_path, SLOW)
    await backend.submit(run)
    await claimed(backend, run)
    await backend.cancel(run)
    ending = await end(backend, run)
    assert (ending.state, ending.reason) == (RunState.CANCELLED, "slow: stopped by SIGTERM")
    await backend.cancel(run)  # a second time, after its end: no error


async def test_a_waiting_run_is_cancelled_and_never_starts(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    with drained(cluster):
        await backend.submit(run)
        await backend.cancel(run)
        assert (await end(backend, run)).state is RunState.CANCELLED
    await no_jobs(cluster, run)
    assert not (run.directory / "first.txt").exists()


async def test_a_waiting_run_tells_why(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    with drained(cluster):
        await backend.submit(run)

        async def reason():
            status = await backend.status(run)
            return status.state is RunState.QUEUED and "ReqNodeNotAvail" in (status.detail or "")

        await until(reason, LIMIT_S)
    assert (await end(backend, run)).state is RunState.SUCCEEDED


async def test_two_submits_are_one_job(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(backend.submit, run)
    await backend.submit(run)
    assert len(cluster.jobs(run.run_id)) == 1
    await end(backend, run)


async def test_a_job_whose_submission_was_never_answered_is_found_by_name(tmp_path, cluster, backend):
    run = job(tmp_path, GATED)
    await backend.submit(run)
    first = job_id(run)
    (run.directory / SUBMITTED).unlink()
    await backend.submit(run)
    assert job_id(run) == first
    assert cluster.jobs(run.run_id) == [first]
    (run.directory / "go").touch()
    assert (await end(backend, run)).state is RunState.SUCCEEDED


async def test_a_restarted_launcher_adopts(tmp_path, cluster, backend):
    run = job(tmp_path, GATED)
    await backend.submit(run)
    async with backend_on(tmp_path, cluster) as later:
        assert [adopted.run_id for adopted in await later.adopt()] == [run.run_id]
        (run.directory / "go").touch()
        assert (await end(later, run)).state is RunState.SUCCEEDED
        await later.forget(run)
        assert await later.adopt() == []


async def test_runs_survive_a_killed_controller_and_requests_are_held(tmp_path, cluster, backend):
    run, other = job(tmp_path, GATED), job(tmp_path, FIRST, attempt=2)
    await backend.submit(run)
    await claimed(backend, run)
    cluster.kill("slurmctld")
    try:
        with pytest.raises(BackendDownError, match="slurmctld"):
            await backend.submit(other)
        (run.directory / "go").touch()
        assert (await end(backend, run)).state is RunState.SUCCEEDED
    finally:
        cluster.start_controller()
    await submitted(backend, other)
    assert (await end(backend, other)).state is RunState.SUCCEEDED


async def test_a_waiting_run_of_a_killed_controller_still_waits(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    with drained(cluster):
        await backend.submit(run)
        cluster.kill("slurmctld")
        try:
            status = await backend.status(run)
            await backend.cancel(run)
        finally:
            cluster.start_controller()
    assert status.state is RunState.QUEUED
    assert "cannot be reached" in status.detail


async def submitted(backend, run):
    """Submit as the handler does: again and again while the place is down."""

    async def accepted():
        try:
            await backend.submit(run)
        except BackendDownError:
            return False
        return True

    await until(accepted, LIMIT_S)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partition": "nope"}, "Invalid partition name specified \\(2000\\)"),
        ({"memory_mb": 10_000_000}, "2014"),
        ({"cpus": 999}, "slurm.partition"),
    ],
    ids=["partition", "memory", "cpus"],
)
async def test_what_slurm_refuses_is_told_with_advice(tmp_path, cluster, changes, words):
    run = job(tmp_path, FIRST)
    async with backend_on(tmp_path, cluster, **changes) as backend:
        with pytest.raises(BackendError, match=words) as refusal:
            await backend.submit(run)
        assert not isinstance(refusal.value, BackendDownError)
        assert "look at slurm.partition" in str(refusal.value)
        assert await backend.adopt() == []


async def test_a_job_that_could_never_start_is_withdrawn(tmp_path, cluster, backend):
    """Beyond the partition's MaxTime Slurm says 200, an error and a job id: the job would wait for ever."""
    run = job(tmp_path, FIRST, time_limit_s={"stand-in": 10 * 3600})
    with pytest.raises(BackendError, match="never start.*2015"):
        await backend.submit(run)
    await no_jobs(cluster, run)


@pytest.mark.parametrize("token", ["junk", "expired", ""])
async def test_a_bad_token_holds_requests_and_names_its_file(tmp_path, cluster, token):
    file = tmp_path / "token"
    if token == "expired":
        token = cluster.token(lifespan_s=1)
        await anyio.sleep(2.1)
    file.write_text(token)
    async with backend_on(tmp_path, cluster, token_file=file) as backend:
        run = job(tmp_path, FIRST)
        with pytest.raises(BackendDownError, match=f"look whether the one in {file}"):
            await backend.submit(run)
        with pytest.raises(BackendDownError, match=f"look whether the one in {file}"):
            await backend.slurm.job(1)
        file.write_text(cluster.token())  # read anew at every call
        await backend.submit(run)
        assert (await end(backend, run)).state is RunState.SUCCEEDED


async def test_a_token_file_that_is_not_there_is_named(tmp_path, cluster):
    async with backend_on(tmp_path, cluster, token_file=tmp_path / "none") as backend:
        with pytest.raises(BackendDownError, match=str(tmp_path / "none")):
            await backend.submit(job(tmp_path, FIRST))


async def test_the_unix_socket_serves_as_well(tmp_path, cluster):
    async with backend_on(tmp_path, cluster, socket=cluster.socket, url="http://localhost") as backend:
        run = job(tmp_path, FIRST)
        await backend.submit(run)
        assert (await end(backend, run)).state is RunState.SUCCEEDED


async def test_a_version_that_is_not_served_is_told(tmp_path, cluster):
    async with backend_on(tmp_path, cluster, api_version="v0.0.44") as backend:
        with pytest.raises(BackendDownError, match="does not serve v0.0.44"):
            await backend.submit(job(tmp_path, FIRST))


async def test_the_version_is_asked_for(backend):
    assert await backend.slurm.negotiated() == "v0.0.38"


async def test_nobody_who_listens_is_told_at_once(tmp_path, cluster):
    async with backend_on(tmp_path, cluster, url="http://127.0.0.1:1") as backend:
        with pytest.raises(BackendDownError, match="cannot be reached"):
            await backend.submit(job(tmp_path, FIRST))


async def test_a_job_that_slurm_does_not_know_is_lost(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    with drained(cluster):
        await backend.submit(run)
        cluster.run("scancel", job_id(run))
        (run.directory / SUBMITTED).write_text('{"job_id": 999999}')
        assert (await end(backend, run)).state is RunState.LOST
    await backend.slurm.cancel(999999)  # nothing to cancel: no error


async def test_a_run_cancelled_by_an_operator_is_cancelled(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    with drained(cluster):
        await backend.submit(run)
        cluster.run("scancel", job_id(run))
        ending = await end(backend, run)
    assert ending.state is RunState.CANCELLED


async def test_a_directory_that_the_node_does_not_see_is_a_failure(tmp_path, cluster, backend):
    """Slurm itself would run the job in /tmp and call it completed."""
    run = job(tmp_path, FIRST)
    hidden = run.directory.with_name("hidden")
    with drained(cluster):
        await backend.submit(run)
        number = job_id(run)
        run.directory.rename(hidden)
    await job_is(cluster, number, "FAILED")
    hidden.rename(run.directory)
    ending = await end(backend, run)
    assert ending.state is RunState.FAILED
    assert "cannot write slurm.log: look whether it sees the run's directory" in ending.reason


async def test_a_script_that_enters_its_directory_fails_where_slurm_would_go_on_in_another(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    body = submission(run, PYTHON, cluster.settings(), "v0.0.38")
    logs = {"standard_output": str(tmp_path / "log"), "standard_error": str(tmp_path / "log")}
    asked = {**body["job"], **logs}
    ours = await backend.slurm.submit({"script": body["script"], "job": asked})
    naive = await backend.slurm.submit({"script": "#!/bin/sh\ntrue", "job": asked})
    await job_is(cluster, str(naive.job_id), "COMPLETED")
    await job_is(cluster, str(ours.job_id), "FAILED")
    assert (await backend.slurm.job(ours.job_id)).exit == Exit(status=97)


@pytest.mark.parametrize(
    ("field", "words"),
    [({"environment": {}}, "environment must be set"), ({"colour": "red"}, "Unknown key"), ({"hold": True}, None)],
    ids=["empty environment", "unknown key", "hold"],
)
async def test_a_body_that_slurm_dislikes_is_answered_with_its_words(tmp_path, cluster, backend, field, words):
    body = submission(job(tmp_path, FIRST), PYTHON, cluster.settings(), "v0.0.38")
    body["job"].update(field)
    if words:
        with pytest.raises(BackendError, match=words):
            await backend.slurm.submit(body)
    else:
        answer = await backend.slurm.submit(body)
        await backend.slurm.cancel(answer.job_id)
        assert answer.never_starts


async def test_a_run_whose_node_goes_down_is_lost_although_its_wrapper_was_told_to_stop(tmp_path, cluster, backend):
    run = job(tmp_path, SLOW)
    await backend.submit(run)
    await claimed(backend, run)
    node = f"NodeName={cluster.host}"
    cluster.run("scontrol", "update", node, "State=DOWN", "Reason=test")
    try:
        ending = await end(backend, run)
    finally:
        cluster.run("scontrol", "update", node, "State=RESUME")
        wait_for(lambda: cluster.run("sinfo", "-h", "-o", "%T").strip() == "idle", "an idle node")
    assert ending.state is RunState.LOST
    assert "NODE_FAIL" in ending.reason


async def test_a_running_run_that_an_operator_cancels_is_cancelled(tmp_path, cluster, backend):
    run = job(tmp_path, SLOW)
    await backend.submit(run)
    await claimed(backend, run)
    cluster.run("scancel", job_id(run))
    ending = await end(backend, run)
    assert ending.state is RunState.CANCELLED
    assert "CANCELLED" in ending.reason


async def test_a_python_that_the_node_does_not_have_is_a_failure(tmp_path, cluster):
    nowhere = settings(tmp_path, backend="slurm", slurm=cluster.settings(), python=tmp_path / "nopython")
    async with chosen_backend(nowhere) as backend:
        run = job(tmp_path, FIRST)
        await backend.submit(run)
        ending = await end(backend, run)
        assert "does not have `python`" in ending.reason
        assert "nopython" in await backend.logs(run)
    assert ending.state is RunState.FAILED


async def test_a_killed_wrapper_is_a_failure_with_its_signal(tmp_path, cluster, backend):
    run = job(tmp_path, SLOW)
    await backend.submit(run)
    await claimed(backend, run)
    claim = RunDirectory(run.directory).claim()
    program = RunDirectory(run.directory).steps()[-1].pid
    os.kill(claim.pid, signal.SIGKILL)
    os.killpg(program, signal.SIGKILL)
    await job_is(cluster, job_id(run), "FAILED")
    make_silent(run)
    ending = await end(backend, run)
    assert ending.state is RunState.FAILED
    assert "SIGKILL" in ending.reason


def make_silent(run):
    """As if the wrapper had last been heard of a minute ago."""
    long_ago = time.time() - 60
    os.utime(run.directory / "wrapper.json", (long_ago, long_ago))


async def test_a_run_that_was_only_prepared_is_queued(tmp_path, backend):
    run = job(tmp_path, FIRST)
    assert await backend.status(run) is None
    RunDirectory(run.directory).prepare(run)
    assert (await backend.status(run)).state is RunState.QUEUED


def drained(cluster):
    """While this lasts, nothing starts."""
    return Drained(cluster)


class Drained:
    def __init__(self, cluster):
        self._cluster = cluster

    def __enter__(self):
        self._set("DRAIN", "Reason=test")

    def __exit__(self, *_exception):
        self._set("UNDRAIN")

    def _set(self, state, *more):
        self._cluster.run("scontrol", "update", f"NodeName={self._cluster.host}", f"State={state}", *more)


async def no_jobs(cluster, run):
    """Wait until Slurm has nothing of a run that waits or runs."""

    async def gone():
        return not cluster.run("squeue", "-h", "-n", run.run_id)

    await until(gone, LIMIT_S)


async def job_is(cluster, number, state):
    async def reached():
        return cluster.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", number).strip() == state

    await until(reached, LIMIT_S)

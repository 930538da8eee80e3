"""What a real Slurm 22.05 refuses, and how that is told."""

import anyio
import pytest

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.backends.slurm.answers import Exit
from services.launcher.backends.slurm.requests import submission
from shared.messages import RunState
from tests.launcher.builders import FIRST, PYTHON, job, request, table
from tests.launcher.slurm_runs import backend_on, end, job_is, no_jobs
from tests.launcher.test_launcher import make, running

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("changes", "memory_gb", "words"),
    [
        ({"partition": "nope"}, 0.1, "Invalid partition name specified \\(2000\\)"),
        ({}, 10_000, "2014"),
        ({"cpus": 999}, 0.1, "slurm.partition"),
    ],
    ids=["partition", "memory", "cpus"],
)
async def test_what_slurm_refuses_is_told_with_advice(tmp_path, cluster, changes, memory_gb, words):
    run = job(tmp_path, FIRST, memory_gb={"stand-in": memory_gb})
    async with backend_on(tmp_path, cluster, **changes) as backend:
        with pytest.raises(BackendError, match=words) as refusal:
            await backend.submit(run)
        assert not isinstance(refusal.value, BackendDownError)
        assert "look at slurm.partition" in str(refusal.value)
        assert "memory_gb" in str(refusal.value)


async def test_a_refused_run_is_told_and_forgotten(tmp_path, cluster):
    async with backend_on(tmp_path, cluster, partition="nowhere") as backend:
        async with running(make(tmp_path, table(FIRST), backend=backend)) as mesh:
            mesh.ask(request(tmp_path))
            (result,) = await mesh.results()
        assert (result.state, await backend.adopt()) == (RunState.FAILED, [])
    assert "look at slurm.partition" in result.reason


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

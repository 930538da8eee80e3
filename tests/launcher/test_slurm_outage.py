"""A slurmctld that hangs: few questions, and no job that nobody knows of."""

import httpx
import pytest

from services.launcher.backends import BackendDownError
from services.launcher.backends.index import RunIndex
from services.launcher.backends.slurm.backend import SlurmBackend
from services.launcher.backends.slurm.client import Slurmrestd
from shared.messages import ProcessingResult, RunChanged, RunState
from tests.launcher.builders import FIRST, PYTHON, job, request, table, until
from tests.launcher.slurm_runs import LIMIT_S, drained, end, no_jobs, submitted
from tests.launcher.test_launcher import make, running

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]


async def test_a_slurm_that_hangs_is_asked_once_for_all_runs(tmp_path, cluster):
    asked, settings = [], cluster.settings(request_timeout_s=1)

    async def note(question):
        asked.append(question.url.path)

    hooks, timeout = {"request": [note]}, settings.request_timeout_s
    async with httpx.AsyncClient(base_url=settings.url, timeout=timeout, event_hooks=hooks, trust_env=False) as http:
        backend = SlurmBackend(RunIndex(tmp_path / "state"), PYTHON, Slurmrestd(settings, http))
        runs = [job(tmp_path, FIRST, attempt=attempt) for attempt in range(1, 6)]
        with drained(cluster):
            for run in runs:
                await backend.submit(run)
            asked.clear()
            with cluster.hanging("slurmctld"):
                found = [await backend.status(run) for run in runs]
                with pytest.raises(BackendDownError):
                    await backend.submit(job(tmp_path, FIRST, attempt=6))
        assert len(asked) == 1
        assert {status.state for status in found} == {RunState.QUEUED}
        assert all("cannot be reached" in status.detail for status in found)
        for run in runs:
            assert (await end(backend, run)).state is RunState.SUCCEEDED


async def test_a_run_cancelled_after_a_submission_without_an_answer_leaves_no_job(tmp_path, cluster, backend):
    asked = request(tmp_path)
    await backend.slurm.negotiated()
    async with running(make(tmp_path, table(FIRST), backend=backend)) as mesh:
        with drained(cluster):
            with cluster.hanging("slurmctld"):
                mesh.ask(asked)
                await mesh.true(lambda: any("held" in (change.detail or "") for change in mesh.said(RunChanged)))
                mesh.cancel(run_id=asked.run_id)
                await mesh.true((job(tmp_path).directory / "slurm-cancel").exists)
                assert mesh.said(ProcessingResult) == []

            async def made():
                return cluster.jobs(asked.run_id)

            (left,) = await until(made, LIMIT_S)
            (result,) = await until(lambda: told(mesh), LIMIT_S)
            assert cluster.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", left).strip() == "CANCELLED"
            await no_jobs(cluster, job(tmp_path))
    assert (result.run.run_id, result.state) == (asked.run_id, RunState.CANCELLED)
    assert not (job(tmp_path).directory / "first.txt").exists()


async def told(mesh):
    return mesh.said(ProcessingResult)


async def test_a_submission_without_an_answer_is_one_job_once_slurm_answers(tmp_path, cluster, backend):
    run = job(tmp_path, FIRST)
    await backend.slurm.negotiated()
    with cluster.hanging("slurmctld"), pytest.raises(BackendDownError):
        await backend.submit(run)

    async def made():
        return cluster.jobs(run.run_id)

    await until(made, LIMIT_S)
    await submitted(backend, run)
    assert (await end(backend, run)).state is RunState.SUCCEEDED
    assert len(cluster.jobs(run.run_id)) == 1

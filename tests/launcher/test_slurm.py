"""Runs on a real Slurm 22.05, from their submission to their end."""

import anyio
import pytest

from services.launcher.backends import BackendDownError
from services.launcher.backends.slurm.backend import SUBMITTED
from services.launcher.runs import RunDirectory
from shared.messages import RunState
from tests.launcher.builders import FIRST, SECOND, SLOW, job, step, until
from tests.launcher.slurm_runs import GATED, LIMIT_S, backend_on, claimed, drained, end, job_id, no_jobs, submitted

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]


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


async def test_a_run_that_was_only_prepared_is_queued(tmp_path, backend):
    run = job(tmp_path, FIRST)
    assert await backend.status(run) is None
    RunDirectory(run.directory).prepare(run)
    assert (await backend.status(run)).state is RunState.QUEUED

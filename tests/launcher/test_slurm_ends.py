"""Ends on a real Slurm 22.05 that the wrapper could not write, or did not understand."""

import os
import signal

import pytest

from benchmarks.slurm_cluster import wait_for
from services.launcher.backends.choice import chosen_backend
from services.launcher.backends.slurm.backend import SUBMITTED
from services.launcher.runs import RunDirectory
from shared.messages import RunState
from tests.launcher.builders import FIRST, SLOW, job, settings
from tests.launcher.slurm_runs import claimed, drained, end, job_id, job_is, make_silent
from tests.launcher.test_memory import hungry
from tests.launcher.test_wrapper import running_step

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]


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


async def test_slurm_is_asked_for_the_memory_limit_which_is_kept_even_if_slurm_does_not(tmp_path, cluster, backend):
    run = job(tmp_path, hungry(400), memory_gb={"stand-in": 0.3})
    await backend.submit(run)
    ending = await end(backend, run)
    assert ending.state is RunState.FAILED
    assert "more than the limit of 0.3 GB; raise memory_gb.stand-in" in ending.reason
    assert "MinMemoryNode=287M" in cluster.run("scontrol", "show", "job", job_id(run))


async def test_a_killed_wrapper_is_a_failure_with_its_signal(tmp_path, cluster, backend):
    run = job(tmp_path, SLOW)
    await backend.submit(run)
    await claimed(backend, run)
    claim = RunDirectory(run.directory).claim()
    program = (await running_step(backend, run)).pid
    os.kill(claim.pid, signal.SIGKILL)
    os.killpg(program, signal.SIGKILL)
    await job_is(cluster, job_id(run), "FAILED")
    make_silent(run)
    ending = await end(backend, run)
    assert ending.state is RunState.FAILED
    assert "SIGKILL" in ending.reason

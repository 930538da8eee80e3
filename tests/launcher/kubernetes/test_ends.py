"""How runs end as Jobs of a real Kubernetes, and what is said of it."""

from pathlib import Path

import pytest

from services.launcher.backends.kubernetes.backend import KubernetesBackend
from services.launcher.backends.kubernetes.manifest import job_name
from shared.messages import RunState
from tests.launcher.builders import FIRST, SECOND, SLOW, step, until
from tests.launcher.kubernetes.runs import LIMIT_S, end_of, finish, make, planned, working

pytestmark = pytest.mark.kubernetes
HUNGRY = step("hungry", "python3 -c \"b = 'x' * 400_000_000; open('done.txt', 'w').write(b[0])\"")


async def test_all_steps_done_is_a_success(backend, folder):
    run = planned(folder, FIRST, SECOND)
    ending = await finish(backend, run)
    assert (ending.state, ending.reason) == (RunState.SUCCEEDED, None)
    assert [done.name for done in ending.steps] == ["first", "second"]
    assert ending.host.startswith(job_name(run.run_id)[:40])


async def test_a_failure_has_the_programs_last_words(backend, folder):
    ending = await finish(backend, planned(folder, step("index", "echo no indexing solution; exit 1")))
    assert ending.state is RunState.FAILED
    assert "no indexing solution" in ending.reason


async def test_a_run_over_its_limit_timed_out(backend, folder):
    run = planned(folder, SLOW).model_copy(update={"time_limit_s": 1.0})
    assert (await finish(backend, run)).state is RunState.TIMED_OUT


async def test_a_job_over_its_deadline_timed_out(volume, folder):
    backend = make(volume, folder, waiting_limit_s=1)
    run = planned(folder, SLOW).model_copy(update={"time_limit_s": 5.0})
    await backend.submit(run)
    await working(backend, run)
    assert (await end_of(backend, run)).state is RunState.TIMED_OUT


async def test_a_program_that_needs_too_much_memory_failed_for_that(backend, folder):
    ending = await finish(backend, planned(folder, HUNGRY))
    assert ending.state is RunState.FAILED
    assert "out of memory" in ending.reason


async def test_a_wrapper_that_cannot_start_leaves_its_exit_status_and_the_containers_words(volume, folder):
    broken = make(volume, folder)
    broken = KubernetesBackend(broken.index, Path("/bin/rmdir"), broken.cluster)
    run = planned(folder, FIRST)
    ending = await finish(broken, run)
    assert ending.state is RunState.FAILED
    assert "exit status 1" in ending.reason
    assert ending.reason.count("Directory not empty") == 1
    assert "Directory not empty" in await broken.logs(run)


async def test_the_end_is_known_after_kubernetes_forgot_the_job(volume, folder):
    backend = make(volume, folder, keep_s=1)
    run = planned(folder, FIRST)
    await backend.submit(run)

    async def forgotten():
        return await backend.cluster.job(job_name(run.run_id)) is None

    await until(forgotten, LIMIT_S)
    assert (await backend.status(run)).state is RunState.SUCCEEDED

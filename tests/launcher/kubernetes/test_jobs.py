"""Runs as Jobs of a real Kubernetes: every end, every restart, and an API server that does not answer."""

import os
import signal
import socket
from pathlib import Path

import anyio
import pytest

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.backends.index import RunIndex
from services.launcher.backends.kubernetes.backend import KubernetesBackend
from services.launcher.backends.kubernetes.cluster import Cluster
from services.launcher.backends.kubernetes.manifest import job_name
from services.launcher.kubernetes_settings import KubernetesSettings
from services.launcher.runs import RunDirectory
from shared.messages import RunState
from tests.launcher.builders import FIRST, SECOND, SLOW, job, step, until
from tests.launcher.kubernetes.cluster import KUBECONFIG, apply, as_documented, kubectl, own_api_server

pytestmark = pytest.mark.kubernetes
IMAGE = os.environ.get("MXMESH_TEST_IMAGE", "docker.io/library/mxmesh-run:test")
PYTHON = Path("/usr/bin/python3")
LIMIT_S = 60
HUNGRY = step("hungry", "python3 -c \"b = 'x' * 400_000_000; open('done.txt', 'w').write(b[0])\"")


@pytest.fixture
def backend(volume, folder):
    return make(volume, folder)


def make(volume, folder, **changes):
    chosen = {
        "kubeconfig": KUBECONFIG,
        "namespace": volume.namespace,
        "image": IMAGE,
        "image_pull_policy": "Never",
        "cpu": "100m",
        "volumes": [{"path": volume.path, "claim": volume.claim}],
        "run_as_user": 1000,
        "run_as_group": 1000,
        "waiting_limit_s": 600,
    }
    settings = KubernetesSettings.model_validate({**chosen, **changes})
    return KubernetesBackend(RunIndex(folder / "state"), PYTHON, Cluster(settings))


def planned(folder, *steps, **changes):
    """A run of this test; the visit's name makes it one of its own."""
    run = job(folder, *steps, **changes)
    number = abs(hash(folder)) % 10**9
    request = run.request.model_copy(
        update={"collection": run.request.collection.model_copy(update={"dcid": number + 1})}
    )
    return run.model_copy(update={"request": request})


async def end_of(backend, run):
    async def ended():
        return (await backend.status(run)).ending

    return await until(ended, LIMIT_S)


async def finish(backend, run):
    await backend.submit(run)
    return await end_of(backend, run)


async def working(backend, run):
    """Wait until a program of the run works."""

    async def works():
        return (await backend.status(run)).steps

    return await until(works, LIMIT_S)


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


async def test_a_job_that_never_gets_a_node_timed_out_and_said_why_it_waited(volume, folder):
    backend = make(volume, folder, cpu="900", waiting_limit_s=1)
    run = planned(folder, FIRST).model_copy(update={"time_limit_s": 4.0})
    await backend.submit(run)

    async def explained():
        return (await backend.status(run)).detail

    assert "Unschedulable" in await until(explained, LIMIT_S)
    assert (await end_of(backend, run)).state is RunState.TIMED_OUT


async def test_an_image_that_is_not_there_is_named_while_the_run_waits(volume, folder):
    backend = make(volume, folder, image="docker.io/library/absent:1")
    run = planned(folder, FIRST)
    await backend.submit(run)

    async def explained():
        return (await backend.status(run)).detail

    assert "ErrImageNeverPull" in await until(explained, LIMIT_S)
    await backend.cancel(run)
    assert (await end_of(backend, run)).reason == "cancelled before it started"


async def test_a_cancelled_run_ends_its_program_and_says_so(backend, folder):
    run = planned(folder, step("slow", "trap 'echo asked > asked.txt; exit' TERM; sleep 60 & wait"))
    await backend.submit(run)
    await working(backend, run)
    await backend.cancel(run)
    assert (await end_of(backend, run)).state is RunState.CANCELLED
    assert (run.directory / "asked.txt").exists()
    assert await backend.cluster.job(job_name(run.run_id)) is None


async def test_a_program_that_needs_too_much_memory_failed_for_that(backend, folder):
    ending = await finish(backend, planned(folder, HUNGRY))
    assert ending.state is RunState.FAILED
    assert "out of memory" in ending.reason


async def test_a_deleted_job_whose_wrapper_had_no_time_to_speak_is_lost(backend, folder):
    run = planned(folder, SLOW)
    await backend.submit(run)
    await working(backend, run)
    namespace, name = backend.cluster.settings.namespace, job_name(run.run_id)
    kubectl("delete", "job", name, "--cascade=orphan", namespace=namespace)
    pods = f"--selector=batch.kubernetes.io/job-name={name}"
    kubectl("delete", "pod", pods, "--grace-period=0", "--force", namespace=namespace)
    os.utime(run.directory / "wrapper.json", (0, 0))
    ending = await end_of(backend, run)
    assert (ending.state, ending.reason) == (RunState.LOST, "its Job was deleted")
    assert [step.state for step in ending.steps] == ["failed"]


async def test_an_evicted_run_is_lost(backend, folder):
    run = planned(folder, SLOW)
    await backend.submit(run)
    await working(backend, run)
    (pod,) = await backend.cluster.pods(job_name(run.run_id))
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.metadata.name, "namespace": backend.cluster.settings.namespace},
    }
    path = f"/api/v1/namespaces/{backend.cluster.settings.namespace}/pods/{pod.metadata.name}/eviction"
    apply(eviction, "create", "--raw", path)
    assert (await end_of(backend, run)).state is RunState.LOST


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


async def test_a_run_submitted_twice_is_one_job(volume, backend, folder):
    run = planned(folder, step("count", "echo ran >> count.txt; echo 1 > done.txt"))
    again = make(volume, folder)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(backend.submit, run)
        tasks.start_soon(again.submit, run)
    await end_of(backend, run)
    assert (run.directory / "count.txt").read_text() == "ran\n"


async def test_a_new_launcher_finds_a_run_that_goes_on(volume, backend, folder):
    run = planned(folder, step("wait", "while [ ! -e go ]; do sleep 0.1; done; echo 1 > done.txt"))
    await backend.submit(run)
    await working(backend, run)
    successor = make(volume, folder)
    assert [adopted.run_id for adopted in await successor.adopt()] == [run.run_id]
    (run.directory / "go").touch()
    assert (await end_of(successor, run)).state is RunState.SUCCEEDED
    await successor.forget(run)
    assert await successor.adopt() == []


async def test_a_run_prepared_by_a_launcher_that_died_is_started_by_the_next(volume, backend, folder):
    run = planned(folder, FIRST)
    RunDirectory(run.directory).prepare(run)
    backend.index.add(run)
    assert (await backend.status(run)).state is RunState.QUEUED
    successor = make(volume, folder)
    for adopted in await successor.adopt():
        await successor.submit(adopted)
    assert (await end_of(backend, run)).state is RunState.SUCCEEDED


async def test_a_refusal_is_in_the_words_of_kubernetes(volume, folder):
    backend = make(volume, folder, namespace="nowhere")
    with pytest.raises(BackendError, match="nowhere"):
        await backend.submit(planned(folder, FIRST))


async def test_the_role_in_the_documentation_suffices(volume, folder):
    account = as_documented(volume.namespace, folder / "kubeconfig")
    backend = make(volume, folder, kubeconfig=account)
    done, stopped = planned(folder, FIRST), planned(folder, SLOW, attempt=2)
    assert (await finish(backend, done)).state is RunState.SUCCEEDED
    assert await backend.logs(done) == ""
    await backend.submit(stopped)
    await working(backend, stopped)
    await backend.cancel(stopped)
    assert (await end_of(backend, stopped)).state is RunState.CANCELLED


async def test_nobody_at_the_address_is_a_place_that_is_down(volume, folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        elsewhere = folder / "kubeconfig"
        port = unused.getsockname()[1]
        elsewhere.write_text(KUBECONFIG.read_text().replace(":16443", f":{port}"))
        with pytest.raises(BackendDownError, match="does not answer"):
            await make(volume, folder, kubeconfig=elsewhere).submit(planned(folder, FIRST))


@pytest.mark.skipif(own_api_server() is None, reason="the API server is not one that .ci/cluster/up started")
async def test_runs_go_on_while_the_api_server_is_dead(backend, folder):
    run = planned(folder, step("wait", "while [ ! -e go ]; do sleep 0.1; done; echo 1 > done.txt"))
    await backend.submit(run)
    await working(backend, run)
    server = own_api_server()
    os.kill(server.pid, signal.SIGKILL)
    try:
        with pytest.raises(BackendDownError):
            await backend.submit(planned(folder, FIRST, attempt=2))
        assert (await backend.status(run)).state is RunState.RUNNING
        (run.directory / "go").touch()
        assert (await end_of(backend, run)).state is RunState.SUCCEEDED
    finally:
        await anyio.run_process([server.start])
        await until(server.answers, LIMIT_S)
    assert (await finish(backend, planned(folder, FIRST, attempt=2))).state is RunState.SUCCEEDED

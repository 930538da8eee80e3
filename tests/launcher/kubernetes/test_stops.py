"""Runs that are stopped on a real Kubernetes: cancelled by a user, or taken away by others."""

import os

import pytest

from services.launcher.backends.kubernetes.manifest import job_name
from shared.messages import ProcessCollection, ProcessingResult, RunState
from tests.launcher.builders import SLOW, request, step, table, until
from tests.launcher.kubernetes.cluster import apply, kubectl
from tests.launcher.kubernetes.runs import LIMIT_S, end_of, planned, working
from tests.launcher.test_launcher import make as make_launcher, running

pytestmark = pytest.mark.kubernetes


async def test_a_cancelled_run_ends_its_program_and_says_so(backend, folder):
    run = planned(folder, step("slow", "trap 'echo asked > asked.txt; exit' TERM; sleep 60 & wait"))
    await backend.submit(run)
    await working(backend, run)
    await backend.cancel(run)
    assert (await end_of(backend, run)).state is RunState.CANCELLED
    assert (run.directory / "asked.txt").exists()
    assert await backend.cluster.job(job_name(run.run_id)) is None


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


async def evict(backend, run):
    """What `kubectl drain` does to a node's pods: the wrapper is told to stop, and has its grace."""
    namespace = backend.cluster.settings.namespace
    (pod,) = await backend.cluster.pods(job_name(run.run_id))
    who = {"name": pod.metadata.name, "namespace": namespace}
    path = f"/api/v1/namespaces/{namespace}/pods/{who['name']}/eviction"
    apply({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": who}, "create", "--raw", path)


async def delete_pod(backend, run):
    selector = f"--selector=batch.kubernetes.io/job-name={job_name(run.run_id)}"
    kubectl("delete", "pod", selector, "--wait=false", namespace=backend.cluster.settings.namespace)


async def delete_job(backend, run):
    kubectl("delete", "job", job_name(run.run_id), "--wait=false", namespace=backend.cluster.settings.namespace)


TAKEN = {
    "evicted": (evict, "taken away"),  # by whom, is known only while Kubernetes still has the pod
    "pod deleted": (delete_pod, "taken away"),
    "job deleted": (delete_job, "its Job was deleted"),
}


@pytest.mark.parametrize(("take", "words"), TAKEN.values(), ids=TAKEN)
async def test_a_run_that_is_taken_away_is_lost_and_stays_so_when_kubernetes_has_forgotten(
    backend, folder, take, words
):
    run = planned(folder, SLOW)
    await backend.submit(run)
    await working(backend, run)
    await take(backend, run)
    ending = await end_of(backend, run)
    assert ending.state is RunState.LOST
    assert words in ending.reason
    assert ending.reason.endswith("slow: stopped by SIGTERM")

    async def forgotten():
        name = job_name(run.run_id)
        return await backend.cluster.job(name) is None and not await backend.cluster.pods(name)

    await until(forgotten, LIMIT_S)
    assert (await backend.status(run)).ending == ending


async def test_an_evicted_run_is_tried_again_and_a_cancelled_one_is_not(backend, folder):
    asked = request(folder, dcid=planned(folder).request.collection.dcid)
    async with running(make_launcher(folder, table(SLOW), backend=backend)) as mesh:
        mesh.ask(asked)
        await evict(backend, await at_work(mesh, asked))
        (again,) = await said(mesh, ProcessCollection)
        mesh.ask(again)
        await at_work(mesh, again)
        mesh.cancel(run_id=again.run_id)
        results = await said(mesh, ProcessingResult, 2)
    assert [(result.run.attempt, result.state) for result in results] == [(1, RunState.LOST), (2, RunState.CANCELLED)]
    assert results[0].reason.endswith(f"tried again as {again.run_id}")
    assert mesh.said(ProcessCollection) == [again]


async def at_work(mesh, asked):
    """The run of a request, once its program works."""

    async def submitted():
        return next((run for run in mesh.launcher.flights.jobs() if run.run_id == asked.run_id), None)

    run = await until(submitted, LIMIT_S)
    await working(mesh.launcher.backend, run)
    return run


async def said(mesh, kind, n=1):
    """So many messages of a kind, once they are said."""

    async def enough():
        return len(mesh.said(kind)) >= n

    await until(enough, LIMIT_S)
    return mesh.said(kind)

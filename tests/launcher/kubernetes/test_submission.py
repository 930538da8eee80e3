"""A run becomes exactly one Job of a real Kubernetes, whoever submits it, and says what it waits for."""

import anyio
import pytest

from services.launcher.runs import RunDirectory
from shared.messages import RunState
from tests.launcher.builders import FIRST, step, until
from tests.launcher.kubernetes.runs import LIMIT_S, end_of, make, planned, working

pytestmark = pytest.mark.kubernetes


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

"""Cancelling: what runs ends, what waits does not begin, what is asked for later runs."""

from datetime import timedelta

import anyio
import pytest
from pydantic import ValidationError

from services.launcher.cancellations import AskedCancel, Cancellations
from services.launcher.handler import cancel
from services.launcher.runs import RunDirectory
from shared.bus import Delivery
from shared.messages import CancellationTaken, CancelProcessing, ProcessingResult, RunChanged, RunState, now
from shared.topology import Topology
from tests.launcher.builders import FIRST, SLOW, job, request, table
from tests.launcher.test_launcher import make, running


def state_of(mesh, asked):
    return [result.state for result in mesh.said(ProcessingResult) if result.run.run_id == asked.run_id]


async def runs(mesh, asked):
    await mesh.true(
        lambda: any(c.run.run_id == asked.run_id and c.state is RunState.RUNNING for c in mesh.said(RunChanged))
    )


async def test_a_running_run_ends_cancelled_with_who_and_why(tmp_path):
    asked = request(tmp_path)
    async with running(make(tmp_path, table(FIRST, SLOW))) as mesh:
        mesh.ask(asked)
        await mesh.true(lambda: any(len(change.steps) == 2 for change in mesh.said(RunChanged)))
        mesh.cancel(run_id=asked.run_id, cancelled_by="em", reason="wrong crystal")
        (result,) = await mesh.results()
        assert result.state is RunState.CANCELLED
        assert result.reason.startswith("cancelled by em: wrong crystal")
        await mesh.true(lambda: not mesh.launcher.flights.jobs())
        mesh.ask(asked)
        _, repeated = await mesh.results(2)
    assert repeated.reason == result.reason
    assert [(done.name, done.state) for done in result.steps] == [("first", "done"), ("slow", "failed")]


async def test_what_a_cancellation_comes_upon_is_answered(tmp_path):
    runs_now, waits, unknown = (request(tmp_path, attempt=attempt) for attempt in (1, 2, 3))
    async with running(make(tmp_path, table(SLOW), slots=1)) as mesh:
        mesh.ask(runs_now)
        await runs(mesh, runs_now)
        mesh.ask(waits)
        await mesh.true(lambda: mesh.launcher.waiting)
        mesh.cancel(run_id=unknown.run_id)
        await mesh.true(lambda: mesh.said(CancellationTaken))
        mesh.cancel(collection=runs_now.collection.ref)
        await mesh.true(lambda: len(mesh.said(CancellationTaken)) == 2)
    nothing, both = mesh.said(CancellationTaken)
    assert (nothing.cancel.run_id, nothing.runs) == (unknown.run_id, ())
    assert (both.stopped, both.withdrawn) == ((runs_now.run_id,), (waits.run_id,))


async def test_the_answer_to_a_cancellation_goes_to_its_sender(tmp_path):
    mesh = make(tmp_path, table())
    message = CancelProcessing(run_id="i03-1-dials-0-1")
    headers = {"reply-to": "/temp-queue/answers", "correlation-id": "17"}
    asked = AskedCancel.of(Delivery(message.to_json(), headers, "/queue/cancel-processing"))
    (answer,) = [reply async for reply in cancel(asked, mesh.launcher)]
    assert (answer.cancel, answer.correlation_id) == (message, "17")
    assert [target for _, target in Topology().destinations(answer)] == ["/temp-queue/answers"]


async def test_a_collection_is_cancelled_with_all_its_runs(tmp_path):
    first, second = request(tmp_path), request(tmp_path, attempt=2)
    async with running(make(tmp_path, table(SLOW), slots=2)) as mesh:
        for asked in (first, second):
            mesh.ask(asked)
            await runs(mesh, asked)
        mesh.cancel(collection=first.collection.ref)
        results = await mesh.results(2)
    assert {result.state for result in results} == {RunState.CANCELLED}


async def test_a_run_that_waits_for_a_slot_never_begins(tmp_path):
    first, second = request(tmp_path), request(tmp_path, attempt=2)
    async with running(make(tmp_path, table(SLOW), slots=1)) as mesh:
        mesh.ask(first)
        await runs(mesh, first)
        mesh.ask(second)
        await mesh.true(lambda: any("waits for one of" in (c.detail or "") for c in mesh.said(RunChanged)))
        mesh.cancel(run_id=second.run_id)
        await mesh.true(lambda: state_of(mesh, second) == [RunState.CANCELLED])
        assert state_of(mesh, first) == []
        mesh.cancel(run_id=first.run_id)
        await mesh.true(lambda: state_of(mesh, first) == [RunState.CANCELLED])
    assert not job(tmp_path, attempt=2).directory.exists()


async def test_a_run_that_waits_for_its_master_file_never_begins(tmp_path):
    asked = request(tmp_path, prefix="late")
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(asked)
        await mesh.true(lambda: any("waits for" in (c.detail or "") for c in mesh.said(RunChanged)))
        mesh.cancel(collection=asked.collection.ref)
        (result,) = await mesh.results()
    assert result.state is RunState.CANCELLED


async def test_a_request_that_comes_after_its_cancellation_never_begins_even_after_a_restart(tmp_path):
    asked = request(tmp_path)
    for _ in range(2):
        async with running(make(tmp_path, table())) as mesh:
            mesh.cancel(run_id=asked.run_id)
            await mesh.true(lambda: mesh.bus.settled)
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(asked)
        (result,) = await mesh.results()
    assert (result.state, result.reason) == (RunState.CANCELLED, "cancelled")
    assert RunDirectory(job(tmp_path).directory).job() is None


async def test_what_is_asked_for_after_the_cancellation_of_a_collection_runs(tmp_path):
    early = request(tmp_path)
    async with running(make(tmp_path, table())) as mesh:
        mesh.cancel(collection=early.collection.ref)
        await mesh.true(lambda: mesh.bus.settled)
        late = request(tmp_path, attempt=2)
        mesh.ask(early)
        mesh.ask(late)
        await mesh.results(2)
    assert state_of(mesh, early) == [RunState.CANCELLED]
    assert state_of(mesh, late) == [RunState.SUCCEEDED]


async def test_a_run_that_has_ended_stays_as_it_ended(tmp_path):
    asked = request(tmp_path)
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(asked)
        await mesh.results()
        await mesh.true(lambda: not mesh.launcher.flights.jobs())
        mesh.cancel(run_id=asked.run_id)
        mesh.ask(asked)
        await mesh.results(2)
        await anyio.sleep(5 * mesh.launcher.settings.poll_s)
    assert state_of(mesh, asked) == [RunState.SUCCEEDED] * 2


def test_only_one_pipeline_of_a_collection_may_be_cancelled(tmp_path):
    kept, asked = Cancellations(tmp_path), request(tmp_path)
    kept.add(CancelProcessing(collection=asked.collection.ref, pipeline="xia2-dials"))
    assert kept.of(asked) is None
    kept.add(CancelProcessing(collection=asked.collection.ref, pipeline=asked.pipeline, reason="enough"))
    assert str(kept.of(asked)) == "cancelled: enough"
    assert kept.of(asked.model_copy(update={"asked_at": now() + timedelta(seconds=60)})) is None


@pytest.mark.parametrize("what", [{}, {"run_id": "a", "collection": {"beamline": "i03", "visit": "cm1-1", "id": 1}}])
def test_a_cancellation_names_one_thing(what):
    with pytest.raises(ValidationError, match="either run_id or collection"):
        CancelProcessing(**what)

"""A place that is down holds requests; a run that was lost with its node is tried again, a failed one is not."""

import os
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from services.launcher.backends import BackendDownError
from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.retries import next_attempt
from services.launcher.runs import Ending, RunDirectory
from shared.messages import ProcessCollection, ProcessingResult, RunChanged, RunState
from tests.launcher.builders import FIRST, PYTHON, SLOW, job, request, table
from tests.launcher.test_launcher import make, running


@dataclass
class Reachable:
    """The local backend behind a door that can be shut."""

    backend: LocalBackend
    shut: bool = True
    tries: list[str] = field(default_factory=list)

    async def submit(self, asked):
        self.tries.append(asked.run_id)
        if self.shut:
            raise BackendDownError("nobody answers")
        await self.backend.submit(asked)

    def __getattr__(self, name):
        return getattr(self.backend, name)


def behind_a_door(tmp_path):
    return Reachable(LocalBackend(RunIndex(tmp_path / "state"), PYTHON))


async def test_a_request_is_held_while_its_place_is_down_and_runs_afterwards(tmp_path):
    door = behind_a_door(tmp_path)
    async with running(make(tmp_path, table(FIRST), backend=door)) as mesh:
        mesh.ask(request(tmp_path))
        await mesh.true(lambda: len(door.tries) > 2)
        assert mesh.said(ProcessingResult) == []
        assert mesh.bus.settled == []
        door.shut = False
        (result,) = await mesh.results()
    assert result.state is RunState.SUCCEEDED
    assert [c.detail for c in mesh.said(RunChanged) if c.detail] == ["held: nobody answers"]  # told once


async def test_a_held_request_can_be_cancelled(tmp_path):
    door, asked = behind_a_door(tmp_path), request(tmp_path)
    async with running(make(tmp_path, table(FIRST), backend=door)) as mesh:
        mesh.ask(asked)
        await mesh.true(lambda: door.tries)
        mesh.cancel(run_id=asked.run_id)
        (result,) = await mesh.results()
        assert not mesh.launcher.flights.full
    assert result.state is RunState.CANCELLED


async def test_a_lost_run_is_tried_again_once_as_a_run_of_its_own(tmp_path):
    first, second = job(tmp_path, SLOW), job(tmp_path, SLOW, attempt=2)
    async with running(make(tmp_path, table(SLOW), retries=1)) as mesh:
        mesh.ask(first.request)
        for lost in (first, second):
            await mesh.true(lambda at=lost: RunDirectory(at.directory).claim())
            os.kill(RunDirectory(lost.directory).claim().pid, signal.SIGKILL)
            (again,) = [a for a in await told(mesh, ProcessCollection) if a.attempt == 2]
            if lost is first:
                mesh.ask(again)
        results = await mesh.results(2)
    assert [(result.run.attempt, result.state) for result in results] == [(1, RunState.LOST), (2, RunState.LOST)]
    assert results[0].reason.endswith(f"tried again as {second.run_id}")
    assert "tried again" not in results[1].reason
    assert len(mesh.said(ProcessCollection)) == 1


async def told(mesh, kind):
    await mesh.true(lambda: mesh.said(kind))
    return mesh.said(kind)


@pytest.mark.parametrize("state", [s for s in RunState if s.terminal and s is not RunState.LOST])
def test_no_other_end_is_tried_again(tmp_path, state):
    assert next_attempt(request(tmp_path), Ending(state=state, ended_at=datetime.now(UTC)), retries=5) is None


def test_the_same_end_asks_for_the_same_run(tmp_path):
    ending, asked = Ending(state=RunState.LOST, ended_at=datetime.now(UTC)), request(tmp_path)
    assert next_attempt(asked, ending, 1).run_id == next_attempt(asked, ending, 1).run_id != asked.run_id

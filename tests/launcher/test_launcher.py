"""Handler and supervisor over an in-memory broker, with stand-in programs: from the request to the result."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import pytest

from services.launcher.backends import BackendError
from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.cancellations import AskedCancel, Cancellations
from services.launcher.handler import cancel, launch
from services.launcher.inflight import InFlight
from services.launcher.launcher import Launcher
from services.launcher.pipelines import TABLE
from services.launcher.runs import RunDirectory
from services.launcher.supervisor import adopt_runs, look_at, supervise
from shared import telemetry
from shared.bus import BrokerError
from shared.memory import MemoryBus
from shared.messages import CancelProcessing, ProcessCollection, ProcessingResult, RunChanged, RunState
from shared.pulse import Pulse
from shared.service import Inbox, Member, body_as
from shared.topology import Topology
from tests.launcher.builders import FIRST, PYTHON, SECOND, job, request, settings, step, table, until

QUEUES = ("/queue/process-collection", "/queue/process-collection.secondary")
CANCELS = "/queue/cancel-processing"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Mesh:
    """A launcher, and the bus it speaks on."""

    bus: MemoryBus
    launcher: Launcher

    def ask(self, asked, **headers):
        ((_, queue),) = Topology().destinations(asked)
        self.bus.broker.put(queue, asked.to_json(), **headers)

    def cancel(self, **what):
        self.bus.broker.put(CANCELS, CancelProcessing(**what).to_json())

    def said(self, kind):
        return [message for message in self.bus.broker.sent if isinstance(message, kind)]

    async def results(self, n=1):
        """The first ``n`` results, once they are said."""
        await self.true(lambda: len(self.said(ProcessingResult)) >= n)
        return self.said(ProcessingResult)

    async def true(self, condition):
        """Wait until a condition holds."""

        async def holds():
            return condition()

        await until(holds)


def make(visit, rows, bus=None, backend=None, **changes):
    """A launcher for one visit; the master file is there."""
    chosen = settings(visit, **changes)
    (visit / "lysozyme").mkdir(exist_ok=True)
    (visit / "lysozyme/xtal1_1_master.h5").write_text("images")
    bus = bus or MemoryBus("launcher")
    backend = backend or LocalBackend(RunIndex(chosen.state_directory), PYTHON)
    cancellations = Cancellations(chosen.state_directory / "cancelled")
    ended = RunIndex(chosen.state_directory / "ended")
    return Mesh(bus, Launcher(chosen, backend, InFlight(chosen.slots), bus.publish, cancellations, ended, rows))


@asynccontextmanager
async def running(mesh):
    """As in the service's `__main__`."""
    async with anyio.create_task_group() as tasks:
        member = Member(mesh.bus, Pulse("launcher"), tasks)
        await adopt_runs(mesh.launcher)
        tasks.start_soon(supervise, mesh.launcher)
        for queue in QUEUES:
            await member.listen(
                Inbox(queue, body_as(ProcessCollection), partial(launch, launcher=mesh.launcher), prefetch=2)
            )
        await member.listen(Inbox(CANCELS, AskedCancel.of, partial(cancel, launcher=mesh.launcher), prefetch=1))
        yield mesh
        tasks.cancel_scope.cancel()


async def replies_to(asked, mesh):
    return [reply async for reply in launch(asked, mesh.launcher)]


async def test_a_request_becomes_a_result(tmp_path):
    async with running(make(tmp_path, table(FIRST, SECOND))) as mesh:
        mesh.ask(request(tmp_path))
        (result,) = await mesh.results()
        await mesh.true(lambda: mesh.bus.settled)
    assert result.state is RunState.SUCCEEDED
    assert result.run.run_id == request(tmp_path).run_id
    assert [done.name for done in result.steps] == ["first", "second"]
    assert len(mesh.bus.settled) == 1
    assert mesh.bus.dead == []


async def test_every_step_is_told_while_it_runs(tmp_path):
    waiting = step("wait", "while [ ! -e go ]; do sleep 0.05; done; echo 1 > done.txt")
    async with running(make(tmp_path, table(FIRST, waiting))) as mesh:
        mesh.ask(request(tmp_path))

        async def told():
            return [c for c in mesh.said(RunChanged) if [s.state for s in c.steps] == ["done", "running"]]

        (change, *_) = await until(told)
        assert (change.state, change.n_steps) == (RunState.RUNNING, 2)
        assert mesh.said(ProcessingResult) == []
        (job(tmp_path).directory / "go").touch()
        await mesh.results()
    assert max(mesh.said(RunChanged), key=lambda change: change.at).state is RunState.SUCCEEDED


async def test_an_end_is_said_once_and_remembered(tmp_path):
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(request(tmp_path))
        await mesh.results()
        await mesh.true(lambda: not mesh.launcher.flights.full)
        await anyio.sleep(5 * mesh.launcher.settings.poll_s)
    assert len(mesh.said(ProcessingResult)) == 1
    assert RunDirectory(job(tmp_path).directory).published
    assert list((tmp_path / "state").iterdir()) == []


async def test_a_failed_run_says_the_programs_last_words(tmp_path):
    async with running(make(tmp_path, table(step("index", "echo 'no lattice'; exit 3")))) as mesh:
        mesh.ask(request(tmp_path))
        (result,) = await mesh.results()
    assert (result.state, result.reason) == (
        RunState.FAILED,
        "index left no done.txt (exit status 3): no lattice",
    )


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"pipeline": "xia3"}, "there is no pipeline 'xia3'; there are stand-in"),
        ({"parameters": {"d_min": 0.01}}, "a number from 0.5 to 20 Å"),
        ({"parameters": {"script": "rm -rf"}}, "there is no parameter 'script'"),
        ({"folder": "../../elsewhere"}, "leads out of"),
        ({"prefix": "x\0"}, "cannot be resolved"),
        ({"master_file": "a" * 300}, "File name too long"),
        ({"prefix": "xtal9"}, "xtal9_1_master.h5 was not there within 0.1 s"),
        ({"master_file": "xtal9_####.cbf"}, "xtal9_0001.cbf was not there within 0.1 s"),
    ],
    ids=["pipeline", "range", "parameter", "folder", "null byte", "long name", "file", "template"],
)
async def test_what_cannot_run_is_one_failed_result_that_says_what_to_do(tmp_path, changes, advice):
    async with running(make(tmp_path, table(), master_deadline_s=0.1)) as mesh:
        mesh.ask(request(tmp_path, **changes))
        (result,) = await mesh.results()
    assert result.state is RunState.FAILED
    assert advice in result.reason
    assert mesh.said(RunChanged)[-1].state is RunState.FAILED
    assert len(mesh.bus.settled) == 1
    assert mesh.bus.dead == []


async def test_a_missing_program_is_a_failed_result_that_says_how_to_get_it(tmp_path):
    bare = {"environment": {"PATH": "/nowhere"}}
    mesh = make(tmp_path, TABLE, **bare)
    change, result = await replies_to(request(tmp_path, "xia2-dials"), mesh)
    assert change.state is result.state is RunState.FAILED
    assert "xia2-dials needs xia2, freerflag" in result.reason
    assert "install xia2 with CCP4" in result.reason
    assert result.family == "xia2"


async def test_a_directory_that_cannot_be_made_is_a_failed_result(tmp_path):
    (tmp_path / "processed").write_text("in the way")
    mesh = make(tmp_path, table())
    _, result = await replies_to(request(tmp_path), mesh)
    assert "cannot prepare" in result.reason
    assert not mesh.launcher.flights.full


async def test_a_late_master_file_is_waited_for(tmp_path):
    async with running(make(tmp_path, table(), master_deadline_s=10)) as mesh:
        mesh.ask(request(tmp_path, prefix="late"))

        async def told():
            return [change for change in mesh.said(RunChanged) if change.detail]

        ((change),) = await until(told)
        assert (change.state, change.detail) == (RunState.QUEUED, f"waits for {tmp_path}/lysozyme/late_1_master.h5")
        (tmp_path / "lysozyme/late_1_master.h5").write_text("images")
        (result,) = await mesh.results()
    assert result.state is RunState.SUCCEEDED


async def test_no_more_runs_at_a_time_than_slots(tmp_path):
    """Each run notes how many work beside it."""
    shell = f"cd {tmp_path}; touch at.$$; ls at.* | wc -l >> beside.txt; sleep 0.3; rm at.$$; cd - ; echo 1 > done.txt"
    async with running(make(tmp_path, table(step("count", shell)), slots=2)) as mesh:
        for attempt in range(1, 6):
            mesh.ask(request(tmp_path, attempt=attempt))
        results = await mesh.results(5)
    assert {result.state for result in results} == {RunState.SUCCEEDED}
    beside = [int(line) for line in (tmp_path / "beside.txt").read_text().split()]
    assert len(beside) == 5
    assert max(beside) == 2
    assert [change for change in mesh.said(RunChanged) if change.detail == "waits for one of 2 slots"]


async def test_a_primary_run_goes_before_all_secondary_ones_that_wait(tmp_path):
    patient = step("wait", f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo 1 > done.txt")
    asked = {attempt: request(tmp_path, attempt=attempt) for attempt in range(1, 7)}
    async with running(make(tmp_path, table(patient))) as mesh:
        mesh.ask(asked[1])
        await mesh.true(lambda: mesh.launcher.flights.full)
        for attempt in range(2, 6):
            mesh.ask(asked[attempt].model_copy(update={"urgency": "secondary"}))
        await mesh.true(lambda: len(mesh.launcher.waiting) == 4)
        mesh.ask(asked[6])
        await mesh.true(lambda: len(mesh.launcher.waiting) == 5)
        (tmp_path / "go").touch()
        results = await mesh.results(6)
    assert [result.run.attempt for result in results[:2]] == [1, 6]


async def test_a_repeated_request_does_not_run_twice(tmp_path):
    async with running(
        make(tmp_path, table(step("count", "echo run >> count.txt; sleep 0.2; echo 1 > done.txt")))
    ) as mesh:
        mesh.ask(request(tmp_path))
        mesh.ask(request(tmp_path))
        await mesh.results()
        await mesh.true(lambda: len(mesh.bus.settled) == 2)
    assert (job(tmp_path).directory / "count.txt").read_text() == "run\n"


async def test_a_request_for_a_finished_run_is_answered_with_its_result(tmp_path):
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(request(tmp_path))
        (first,) = await mesh.results()
    change, again = await replies_to(request(tmp_path), make(tmp_path, table()))
    assert change.state is RunState.SUCCEEDED
    assert again == first


async def test_a_new_attempt_has_its_own_directory(tmp_path):
    async with running(make(tmp_path, table())) as mesh:
        mesh.ask(request(tmp_path))
        mesh.ask(request(tmp_path, attempt=2))
        first, second = await mesh.results(2)
    assert {first.run.attempt, second.run.attempt} == {1, 2}
    names = {path.name for path in tmp_path.glob("processed/lysozyme/xtal1_1/stand-in/*")}
    assert names == {first.run.run_id, second.run.run_id}


async def test_a_restarted_launcher_adopts_runs_and_counts_them_among_its_slots(tmp_path):
    waiting = step("wait", "while [ ! -e go ]; do sleep 0.05; done; echo 1 > done.txt")
    mesh = make(tmp_path, table(waiting))
    assert [reply.state for reply in await replies_to(request(tmp_path), mesh)] == [RunState.RUNNING]
    async with running(make(tmp_path, table(waiting))) as restarted:
        assert restarted.launcher.flights.full
        (job(tmp_path).directory / "go").touch()
        (result,) = await restarted.results()
        await restarted.true(lambda: not restarted.launcher.flights.full)
    assert result.state is RunState.SUCCEEDED


async def test_the_supervisor_speaks_in_the_trace_of_the_request(tmp_path):
    traces = []

    class TracedBus(MemoryBus):
        async def publish(self, message):
            traces.append(telemetry.trace_id())
            await super().publish(message)

    async with running(make(tmp_path, table(), bus=TracedBus("launcher"))) as mesh:
        mesh.ask(request(tmp_path), traceparent=TRACE)
        await mesh.results()
    assert set(traces) == {telemetry.trace_id(TRACE)}


async def test_a_broker_that_is_away_delays_the_end_but_does_not_lose_it(tmp_path):
    class RefusingBus(MemoryBus):
        refusals = 0

        async def publish(self, message):
            if isinstance(message, ProcessingResult) and self.refusals < 2:
                self.refusals += 1
                raise BrokerError("queue full")
            await super().publish(message)

    async with running(make(tmp_path, table(), bus=RefusingBus("launcher"))) as mesh:
        mesh.ask(request(tmp_path))
        (result,) = await mesh.results()
    assert result.state is RunState.SUCCEEDED
    assert mesh.bus.refusals == 2


async def test_a_run_whose_directory_was_removed_is_lost(tmp_path):
    mesh = make(tmp_path, table())
    mesh.launcher.flights.follow(job(tmp_path))
    await look_at(job(tmp_path), mesh.launcher)
    (result,) = mesh.said(ProcessingResult)
    assert result.state is RunState.LOST
    assert str(job(tmp_path).directory) in result.reason


async def test_a_slot_is_free_again_if_the_backend_refuses(tmp_path):
    class RefusingBackend:
        async def status(self, _job):
            return None

        async def submit(self, _job):
            raise BackendError("no room")

        async def forget(self, job):
            forgotten.append(job.run_id)

    forgotten = []
    mesh = make(tmp_path, table(), backend=RefusingBackend())
    _, result = await replies_to(request(tmp_path), mesh)
    assert result.reason == "no room"
    assert forgotten == [result.run.run_id]
    assert not mesh.launcher.flights.full

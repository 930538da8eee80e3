"""Places that cannot be reached: the launcher comes up all the same, follows what it remembers, holds and cancels."""

import socket
from dataclasses import dataclass

import orjson
import pytest

from services.launcher.backends import BackendDownError, BackendSilentError
from services.launcher.backends.choice import chosen_backend
from services.launcher.backends.index import RunIndex
from services.launcher.backends.outage import Outage
from services.launcher.runs import RunDirectory
from shared import stomp
from shared.messages import CancelProcessing, ProcessingResult, RunChanged, RunState
from tests.launcher.builders import FIRST, job, request, settings, table
from tests.launcher.test_launcher import make, running
from tests.launcher.test_restart import asked, launcher, settings_file  # noqa: F401 - fixtures

KUBECONFIG = """{{
  "apiVersion": "v1", "kind": "Config", "current-context": "c",
  "clusters": [{{"name": "c", "cluster": {{"server": "https://127.0.0.1:{port}"}}}}],
  "users": [{{"name": "u", "user": {{"token": "t"}}}}],
  "contexts": [{{"name": "c", "context": {{"cluster": "c", "user": "u"}}}}]
}}"""


@pytest.fixture
def port():
    """Where nothing listens, and nothing will."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture(params=["slurm", "kubernetes"])
def nowhere(request, tmp_path, port):
    """Settings of a place that is not there."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG.format(port=port))
    (tmp_path / "token").write_text("none")
    return {
        "backend": request.param,
        "slurm": {"url": f"http://127.0.0.1:{port}", "token_file": str(tmp_path / "token")},
        "kubernetes": {"image": "programs:1", "kubeconfig": str(tmp_path / "kubeconfig")},
    }


def details(mesh, run):
    return [change.detail for change in mesh.said(RunChanged) if change.run.run_id == run.run_id and change.detail]


async def test_a_launcher_whose_place_is_down_follows_what_it_remembers_and_holds(tmp_path, nowhere):
    remembered, later = job(tmp_path), request(tmp_path, attempt=2)
    async with chosen_backend(settings(tmp_path, **nowhere)) as backend:
        backend.index.add(remembered)
        RunDirectory(remembered.directory).prepare(remembered)
        async with running(make(tmp_path, table(FIRST), backend=backend, slots=2)) as mesh:
            mesh.ask(later)
            for run in (remembered, later):
                await mesh.true(lambda at=run: details(mesh, at))
            assert mesh.said(ProcessingResult) == []
            assert [run.run_id for run in mesh.launcher.flights.jobs()] == [remembered.run_id]
    for run in (remembered, later):
        (detail,) = details(mesh, run)
        assert detail.startswith("held: ")


@pytest.mark.broker
async def test_the_service_comes_up_while_its_place_is_down(broker, topology, settings_file, asked, nowhere):  # noqa: F811
    settings_file.write_bytes(orjson.dumps(orjson.loads(settings_file.read_bytes()) | nowhere))
    changes = topology.source(RunChanged, "aggregator")
    async with stomp.connect("writer", broker, topology) as mesh, mesh.subscribe(changes, prefetch=1) as deliveries:
        await mesh.publish(asked)
        for _ in ("first", "restarted"):
            with launcher(settings_file) as process:
                change = await heard(mesh, deliveries)
                assert process.poll() is None
            assert (change.run.run_id, change.state) == (asked.run_id, RunState.QUEUED)
            assert change.detail.startswith("held: ")


async def heard(mesh, deliveries):
    delivery = await anext(deliveries)
    await mesh.settle(delivery)
    return RunChanged.model_validate_json(delivery.body)


@pytest.mark.parametrize(("cancelled", "state"), [(True, RunState.CANCELLED), (False, RunState.SUCCEEDED)])
async def test_a_run_that_an_earlier_launcher_only_prepared_begins_unless_it_is_cancelled(tmp_path, cancelled, state):
    run = job(tmp_path, FIRST)
    RunDirectory(run.directory).prepare(run)
    RunIndex(tmp_path / "state").add(run)
    mesh = make(tmp_path, table(FIRST))
    if cancelled:
        mesh.launcher.cancellations.add(CancelProcessing(run_id=run.run_id))
    async with running(mesh):
        (result,) = await mesh.results()
    assert (result.run.run_id, result.state) == (run.run_id, state)
    assert (run.directory / "first.txt").exists() is not cancelled


async def test_a_remembered_run_whose_folder_is_gone_is_lost(tmp_path):
    RunIndex(tmp_path / "state").add(job(tmp_path, FIRST))
    async with running(make(tmp_path, table(FIRST), retries=0)) as mesh:
        (result,) = await mesh.results()
    assert result.state is RunState.LOST
    assert not job(tmp_path).directory.exists()


@dataclass
class Silent:
    """A place that never answers, by a clock of its own."""

    at: float = 1000.0
    tries: int = 0

    def __post_init__(self):
        self.outage = Outage(clock=lambda: self.at)

    def ask(self, patience_s):
        with pytest.raises(BackendSilentError, match="nobody answers"), self.outage.noticed():
            self._wait_in_vain(patience_s)

    def _wait_in_vain(self, patience_s):
        self.tries += 1
        self.at += patience_s
        raise BackendSilentError("nobody answers")


def test_a_place_that_hangs_is_left_alone_three_times_as_long_as_it_was_waited_for():
    place = Silent()
    for _ in range(3):
        place.ask(patience_s=10)
    assert place.tries == 1
    place.at += 29.9
    place.ask(patience_s=10)
    assert place.tries == 1
    place.at += 0.1
    place.ask(patience_s=10)
    assert place.tries == 2


def test_a_place_that_refuses_at_once_is_asked_again_at_once():
    place = Silent()
    place.ask(patience_s=0)
    place.ask(patience_s=0)
    assert place.tries == 2


def test_a_place_that_answers_is_not_silent_whatever_it_says():
    outage = Outage(clock=iter(range(10)).__next__)
    for _ in range(2):
        with pytest.raises(BackendDownError, match="no token"), outage.noticed():
            raise BackendDownError("no token")

"""What the launcher clears away, and what it must not."""

from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest

from services.launcher.backends.index import RunIndex
from services.launcher.backends.slurm.backend import SlurmBackend
from services.launcher.backends.slurm.client import Slurmrestd
from services.launcher.cancellations import Cancellations
from services.launcher.housekeeping import clear_away, keep_house
from services.launcher.launcher import Waiting
from services.launcher.remembered import remember
from services.launcher.runs import RunDirectory
from services.launcher.slurm_settings import SlurmSettings
from services.launcher.working_files import remove_working_files
from shared.messages import CancelProcessing, ProcessingResult, RunState, now
from tests.launcher.builders import FIRST, PYTHON, job, request, settings, step, table
from tests.launcher.test_launcher import make, replies_to, running

DAY = timedelta(days=1)
WORKING = ("*.refl", "work", "merged.mtz")
WRITES = step("write", "mkdir work && touch work/a integrated.refl integrated.expt && echo 1 | tee merged.mtz done.txt")


def in_days(n):
    return now() + n * DAY


@pytest.fixture
def cancellations(tmp_path):
    return Cancellations(tmp_path / "cancelled")


def cancelled(cancellations, asked, **changes):
    cancellations.add(CancelProcessing(run_id=asked.run_id, **changes))


def test_a_cancellation_is_forgotten_once_it_is_old_and_not_before(cancellations, tmp_path):
    asked = request(tmp_path)
    cancelled(cancellations, asked)
    assert cancellations.forget(in_days(-1)) == 0
    assert cancellations.of(asked)
    assert cancellations.forget(in_days(1)) == 1
    assert cancellations.of(asked) is None
    assert list(cancellations.folder.iterdir()) == []


def test_what_a_run_under_way_or_a_waiting_request_needs_is_kept(cancellations, tmp_path):
    asked, other = request(tmp_path), request(tmp_path, attempt=2)
    cancelled(cancellations, asked)
    cancelled(cancellations, other)
    assert cancellations.forget(in_days(1), [asked]) == 1
    assert cancellations.of(asked)


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), in_days(3000)])
def test_a_senders_wrong_clock_makes_no_cancellation_go_early(cancellations, tmp_path, wrong):
    cancelled(cancellations, request(tmp_path), cancelled_at=wrong)
    assert cancellations.forget(in_days(-1)) == 0


def test_a_cancellation_that_cannot_be_read_goes_with_the_old_ones(cancellations):
    cancellations.folder.mkdir()
    (cancellations.folder / "0.json").write_text("{")
    assert cancellations.forget(in_days(-1)) == 0
    assert cancellations.forget(in_days(1)) == 1


async def test_a_request_as_old_as_a_forgotten_cancellation_does_not_run(tmp_path):
    """So a collection's cancellation holds for ever: what it concerns was asked for before it."""
    mesh = make(tmp_path, table(), keep_cancellations_days=100)
    old = request(tmp_path).model_copy(update={"asked_at": in_days(-101)})
    *_, result = await replies_to(old, mesh)
    assert isinstance(result, ProcessingResult)
    assert (result.state, "ask again" in result.reason) == (RunState.FAILED, True)
    assert not job(tmp_path).directory.exists()


def test_cancellations_outlive_dead_letters(tmp_path):
    with pytest.raises(ValueError, match=r"must be at least broker.dead_letter_days, 90"):
        settings(tmp_path, keep_cancellations_days=89)


async def test_every_folder_of_the_state_is_cleared_of_unfinished_writes(tmp_path):
    mesh = make(tmp_path, table())
    state = mesh.launcher.settings.state_directory
    drafts = [state / folder / "run.1-2.draft" for folder in ("", "cancelled", "ended")]
    for draft in drafts:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text("{")
    await clear_away(mesh.launcher, now())
    assert all(draft.exists() for draft in drafts)  # perhaps being written
    await clear_away(mesh.launcher, in_days(1))
    assert not any(draft.exists() for draft in drafts)


async def test_the_house_is_kept_while_the_launcher_runs(tmp_path):
    mesh = make(tmp_path, table())
    waits, other = request(tmp_path), request(tmp_path, attempt=2)
    mesh.launcher.waiting.append(Waiting(waits, anyio.CancelScope()))
    for asked in (waits, other):
        cancelled(mesh.launcher.cancellations, asked)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_house, mesh.launcher, lambda: in_days(181))
        await mesh.true(lambda: mesh.launcher.cancellations.of(other) is None)
        tasks.cancel_scope.cancel()
    assert mesh.launcher.cancellations.of(waits)


async def ended_run(tmp_path, **changes):
    """A launcher with one run that has ended, and the run's directory."""
    rows = table(WRITES, working=WORKING)
    async with running(make(tmp_path, rows, keep_working_files_days=30, **changes)) as mesh:
        mesh.ask(request(tmp_path))
        await mesh.results()
        await mesh.true(lambda: not mesh.launcher.flights.jobs())
    return mesh, job(tmp_path).directory


async def test_working_files_are_removed_when_their_time_has_come_and_results_stay(tmp_path):
    mesh, directory = await ended_run(tmp_path)
    before = {path.name for path in directory.iterdir()}
    await clear_away(mesh.launcher, in_days(29))
    assert {path.name for path in directory.iterdir()} == before
    await clear_away(mesh.launcher, in_days(31))
    assert before - {path.name for path in directory.iterdir()} == {"integrated.refl", "work"}
    assert list(mesh.launcher.ended.jobs()) == []
    *_, repeated = await replies_to(request(tmp_path), mesh)
    (first,) = mesh.said(ProcessingResult)
    assert repeated.files == first.files  # merged.mtz, too, although a pattern names it


async def test_without_a_setting_nothing_is_removed_or_remembered(tmp_path):
    async with running(make(tmp_path, table(WRITES, working=WORKING))) as mesh:
        mesh.ask(request(tmp_path))
        await mesh.results()
        await mesh.true(lambda: not mesh.launcher.flights.jobs())
    await clear_away(mesh.launcher, in_days(3000))
    assert (job(tmp_path).directory / "integrated.refl").exists()
    assert list((tmp_path / "state").iterdir()) == []


def _link_to(target, link):
    target.parent.mkdir(parents=True, exist_ok=True)
    link.rename(target)
    link.symlink_to(target)


def a_file_became_a_link(directory, outside):
    _link_to(outside / "integrated.refl", directory / "integrated.refl")


def a_folder_became_a_link(directory, outside):
    _link_to(outside / "work", directory / "work")


def the_run_became_a_link(directory, outside):
    _link_to(outside / "run", directory)


def the_way_to_it_became_a_link(directory, outside):
    _link_to(outside / "pipeline", directory.parent)


def another_run_took_its_place(directory, outside):
    other = job(outside.parent, attempt=7)
    directory.rename(outside / "run")
    directory.mkdir()
    remember(directory / "job.json", other)
    (directory / "exit.json").write_bytes((outside / "run/exit.json").read_bytes())
    (directory / "integrated.refl").touch()


TRICKS = [
    a_file_became_a_link,
    a_folder_became_a_link,
    the_run_became_a_link,
    the_way_to_it_became_a_link,
    another_run_took_its_place,
]


@pytest.mark.parametrize("trick", TRICKS)
async def test_nothing_is_removed_outside_of_the_runs_own_directory(tmp_path, trick):
    mesh, directory = await ended_run(tmp_path)
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    trick(directory, outside)
    (there := list(outside.rglob("*"))).append(directory / "job.json")
    if trick is another_run_took_its_place:
        there.append(directory / "integrated.refl")
    await clear_away(mesh.launcher, in_days(31))
    assert all(path.exists() for path in there)


async def test_what_cannot_be_removed_is_tried_once(tmp_path):
    mesh, directory = await ended_run(tmp_path)
    directory.rename(tmp_path / "away")
    directory.write_text("a file where a directory was")
    await clear_away(mesh.launcher, in_days(31))
    assert list(mesh.launcher.ended.jobs()) == []


async def test_a_run_that_goes_on_keeps_everything(tmp_path):
    going = job(tmp_path, FIRST)
    RunDirectory(going.directory).prepare(going)
    (going.directory / "integrated.refl").touch()
    assert remove_working_files(going, WORKING, settings(tmp_path)) == []
    assert (going.directory / "integrated.refl").exists()


async def test_slurms_backend_forgets_what_it_saw_of_a_run(tmp_path):
    """Also when it first saw its end, if the wrapper's own came before ours was written."""
    run = job(tmp_path, FIRST)
    async with httpx.AsyncClient() as http:
        backend = SlurmBackend(RunIndex(tmp_path / "state"), PYTHON, Slurmrestd(SlurmSettings(), http))
        backend.signs.silence_s(run.run_id, "over")
        await anyio.sleep(0.01)
        await backend.forget(run)
    assert backend.signs.silence_s(run.run_id, "over") < 0.01

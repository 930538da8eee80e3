"""A run begins only where there is space for it: on a real file system that is full, and made room on."""

import os

import pytest

from services.launcher.holding import lack_of_space
from services.launcher.pipelines import TABLE
from services.launcher.plan import plan_job
from services.launcher.runs import RunDirectory
from shared.messages import ProcessingResult, RunChanged, RunState
from tests.disks import small_disk
from tests.launcher.builders import FIRST, job, request, settings, step, table
from tests.launcher.test_launcher import make, replies_to, running

TOO_MUCH_GB = 1e6
NEEDED_GB = 0.03


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 MB."""
    with small_disk(tmp_path / "disk", "64m") as folder:
        yield folder


def fill(disk):
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 50_000_000)


def make_room(disk):
    (disk / "filler").unlink()


async def is_held(mesh, asked):
    """Wait until it is said; the words."""

    def said():
        return [c.detail for c in mesh.said(RunChanged) if c.run.run_id == asked.run_id and "GB free" in str(c.detail)]

    await mesh.true(said)
    return said()


async def test_a_run_on_a_full_disk_is_held_and_begins_once_there_is_room(disk):
    async with running(make(disk, table(FIRST), least_free_gb=NEEDED_GB)) as mesh:
        fill(disk)
        mesh.ask(request(disk))
        (words,) = await is_held(mesh, request(disk))
        assert words.startswith(f"held: 0.02 GB free in {disk}, 0.03 GB are needed; make room there")
        assert mesh.said(ProcessingResult) == mesh.bus.settled == []
        assert not job(disk).directory.exists()
        make_room(disk)
        (result,) = await mesh.results()
    assert result.state is RunState.SUCCEEDED


async def test_a_disk_that_filled_while_a_run_waited_for_its_slot_holds_it(disk):
    first, second = request(disk), request(disk, attempt=2)
    patient = step("wait", f"while [ ! -e {disk}/go ]; do sleep 0.02; done; echo 1 > done.txt")
    async with running(make(disk, table(patient), least_free_gb=NEEDED_GB)) as mesh:
        mesh.ask(first)
        await mesh.true(mesh.launcher.flights.jobs)
        mesh.ask(second)
        await mesh.true(lambda: any("waits for one of" in (c.detail or "") for c in mesh.said(RunChanged)))
        fill(disk)
        (disk / "go").touch()
        await is_held(mesh, second)
        await mesh.true(lambda: not mesh.launcher.flights.full)
        make_room(disk)
        results = await mesh.results(2)
    assert [result.state for result in results] == [RunState.SUCCEEDED] * 2


async def test_a_run_that_has_no_space_in_time_is_refused_with_what_to_do(tmp_path):
    async with running(make(tmp_path, table(), least_free_gb=TOO_MUCH_GB, space_deadline_s=0.2, poll_s=0.05)) as mesh:
        mesh.ask(request(tmp_path))
        (result,) = await mesh.results()
    assert result.state is RunState.FAILED
    assert f"GB free in {tmp_path}, 1000000.00 GB are needed; make room there, or lower least_free_gb" in result.reason
    assert "after 0.2 s there is still no more: announce the collection again" in result.reason
    assert len(mesh.bus.settled) == 1


async def test_a_run_that_is_held_for_space_keeps_no_slot_and_can_be_cancelled(tmp_path):
    greedy, modest = table(FIRST, name="greedy", mb_per_image=TOO_MUCH_GB), table(FIRST)
    held = request(tmp_path, "greedy")
    async with running(make(tmp_path, {**greedy, **modest})) as mesh:
        mesh.ask(held)
        await is_held(mesh, held)
        mesh.ask(request(tmp_path))
        (other,) = await mesh.results()
        mesh.cancel(run_id=held.run_id)
        _, cancelled = await mesh.results(2)
    assert (other.run.pipeline, other.state) == ("stand-in", RunState.SUCCEEDED)
    assert (cancelled.run.run_id, cancelled.state) == (held.run_id, RunState.CANCELLED)
    assert not mesh.launcher.waiting


async def test_a_run_that_has_begun_is_not_held(tmp_path):
    RunDirectory(job(tmp_path).directory).prepare(job(tmp_path))
    (change,) = await replies_to(request(tmp_path), make(tmp_path, table(), least_free_gb=TOO_MUCH_GB))
    assert change.state is not RunState.QUEUED


def test_the_need_counts_every_image_that_is_processed(tmp_path):
    other = request(tmp_path, dcid=2002, run_number=2, number_of_images=500).collection
    roomy = settings(tmp_path, least_free_gb=2)
    asked = request(tmp_path, "dials", number_of_images=1000)

    def need(**changes):
        return plan_job(asked.model_copy(update=changes), roomy, TABLE, {}).free_gb

    assert need() == pytest.approx(2 + 1000 * TABLE["dials"].mb_per_image / 1000)
    assert need(images=(101, 300)) == pytest.approx(2 + 200 * TABLE["dials"].mb_per_image / 1000)
    assert need(others=(other,)) == pytest.approx(2 + 1500 * TABLE["dials"].mb_per_image / 1000)


def test_every_pipeline_says_what_it_writes():
    assert all(pipeline.mb_per_image > 0 for pipeline in TABLE.values())


def test_the_file_system_is_that_of_the_nearest_folder_there_is(tmp_path, disk):
    assert lack_of_space(disk / "visit/processed/run", TOO_MUCH_GB).startswith("0.07 GB free in " + str(disk))
    assert lack_of_space(disk, 0.06) == ""
    assert f" GB free in {tmp_path}, " in lack_of_space(tmp_path / "a/b", TOO_MUCH_GB)

"""When the writer says where the crystal is, and what."""

from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from services.writer.publisher import Bell, Publisher
from services.writer.schema import crystals, grid_results
from shared import telemetry
from shared.bus import BrokerError
from shared.clock import Deadlines
from shared.messages import CollectionRef, GridResult, Rotation
from tests.results import DEADLINE_S, EXPOSURE_S, REF, START, accepted, ended, found

ALL = range(12)
DUE_S = 12 * EXPOSURE_S + DEADLINE_S


class CrashError(Exception):
    """The writer is killed."""


async def test_a_whole_grid_is_published_once(writer):
    await writer.record.accept(accepted(), None)
    for first in (0, 4, 8):
        await writer.record.add_spots(found(range(first, first + 4)), None)
        await writer.publisher.look()
    await writer.publisher.look()

    (result,) = writer.said
    assert (result.version, result.status, result.outcome) == (1, "whole", "found")
    assert (result.n_images, result.n_found, result.n_failed) == (12, 12, 0)
    (crystal,) = result.crystals
    assert crystal.centre_of_mass == (2.0, 1.5)
    assert (crystal.max_voxel, crystal.max_count, crystal.total_count) == ((1, 1), 30, 50)
    assert not result.shadow


async def test_the_result_stands_in_the_database_with_its_crystals(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    await writer.publisher.look()

    (row,) = await writer.rows(grid_results)
    assert GridResult.model_validate(row["result"]) == writer.said[0]
    assert (row["status"], row["n_found"], row["centred_at"]) == ("whole", 12, START)
    assert row["published_at"] is not None
    (crystal,) = await writer.rows(crystals)
    assert (crystal["rank"], crystal["centre_x"], crystal["centre_y"], crystal["x1"]) == (1, 2.0, 1.5, 3)


async def test_a_grid_without_spots_is_said_to_have_no_crystal(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found([0, 1, 2, 3, 4, 7, 8, 9, 10, 11], failed=[5, 6]), None)
    await writer.publisher.look()
    (result,) = writer.said
    assert (result.status, result.outcome, result.crystals) == ("whole", "no crystal", ())
    assert (result.n_found, result.n_failed) == (10, 2)


async def test_spots_that_come_before_their_collection_count(writer):
    await writer.record.add_spots(found(ALL), None)
    await writer.publisher.look()
    assert writer.said == []
    await writer.record.accept(accepted(), None)
    await writer.publisher.look()
    assert [result.status for result in writer.said] == ["whole"]


async def test_an_incomplete_grid_waits_for_its_deadline(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(6)), None)
    writer.machine.pass_(DUE_S - 0.01)
    await writer.publisher.look()
    assert writer.said == []

    writer.machine.pass_(0.02)
    await writer.publisher.look()
    (result,) = writer.said
    assert (result.status, result.n_found, result.n_images) == ("partial", 6, 12)
    assert result.crystals[0].max_voxel == (2, 1)


async def test_a_grid_of_which_nothing_was_heard_is_not_forgotten(writer):
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    await writer.publisher.look()
    (result,) = writer.said
    assert (result.status, result.outcome, result.n_found) == ("partial", "no crystal", 0)


async def test_an_end_brings_the_partial_result_forward(writer):
    await writer.record.accept(accepted(exposure_s=100), None)
    await writer.record.end(ended(at=START), None)
    writer.machine.pass_(DEADLINE_S)
    await writer.publisher.look()
    assert [result.status for result in writer.said] == ["partial"]


async def test_an_aborted_grid_is_centred_at_once(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(7)), None)
    await writer.record.end(ended("aborted", at=START), None)
    await writer.publisher.look()
    (result,) = writer.said
    assert (result.status, result.n_found, result.crystals[0].n_voxels) == ("partial", 7, 2)


@pytest.mark.parametrize("broken", [False, True])
async def test_a_writer_that_was_deaf_first_hears_what_waits_in_the_queues(writer, broken):
    """Else a beamline would be sent to half a result while the other half waits to be read."""
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    publisher = Publisher(writer.bus, writer.grids, Bell(), catch_up_s=5, deadlines=Deadlines(writer.clock))
    if broken:
        writer.machine.pass_(1000)
        writer.bus.connected = False
        await publisher.look()
        writer.bus.connected = True
    writer.machine.pass_(4.9)
    await publisher.look()
    assert writer.said == []
    writer.machine.pass_(0.1)
    await publisher.look()
    assert [result.status for result in writer.said] == ["partial"]


async def test_late_images_amend_the_result_at_most_once_a_second(writer):
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    for image in ALL:
        await writer.record.add_spots(found([image]), None)
        await writer.publisher.look()
        writer.machine.pass_(0.25)
    writer.machine.pass_(1)
    await writer.publisher.look()

    assert [result.version for result in writer.said] == [1, 2, 3, 4]
    assert [result.status for result in writer.said] == ["partial", "amended", "amended", "amended"]
    assert writer.said[-1].n_found == 12
    moments = [result.centred_at for result in writer.said]
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(moments))


async def test_an_image_that_is_found_after_all_amends_a_whole_result(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(6), failed=range(6, 12)), None)
    await writer.publisher.look()
    writer.machine.pass_(1)
    await writer.record.add_spots(found([6]), None)
    await writer.publisher.look()
    assert [(result.status, result.n_found, result.n_failed) for result in writer.said] == [
        ("whole", 6, 6),
        ("amended", 7, 5),
    ]
    assert writer.said[1].crystals[0].n_voxels == 2


async def test_duplicates_of_a_whole_grid_are_not_news(writer):
    messages = [(writer.record.accept, accepted()), (writer.record.add_spots, found(ALL)), (writer.record.end, ended())]
    for _ in range(3):
        for write, message in messages:
            await write(message, None)
        await writer.publisher.look()
        writer.machine.pass_(60)
    assert len(writer.said) == 1
    await writer.publisher.look()
    assert await writer.grids.open() == []


async def test_images_outside_the_grid_do_not_make_it_whole(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found([*range(11), 12]), None)
    await writer.publisher.look()
    assert writer.said == []


async def test_a_rotation_is_not_centred(writer):
    await writer.record.accept(accepted(experiment="rotation", grid=None, rotation=Rotation(width_deg=0.1)), None)
    await writer.record.add_spots(found(ALL), None)
    writer.machine.pass_(1000)
    await writer.publisher.look()
    assert writer.said == []


async def test_a_writer_killed_before_it_published_does_so_after_its_restart(writer):
    async def publish(_):
        raise CrashError

    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    writer.bus.publish, alive = publish, writer.bus.publish
    with pytest.raises(CrashError):
        await writer.publisher.look()
    assert len(await writer.rows(grid_results)) == 1

    writer.bus.publish = alive
    await Publisher(writer.bus, writer.grids, Bell()).look()
    assert [(result.version, result.centred_at) for result in writer.said] == [(1, START)]


async def test_a_writer_killed_after_it_published_repeats_itself_word_for_word(writer):
    class ForgetfulGrids(type(writer.grids)):
        async def mark_published(self, result):
            raise CrashError

    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    with pytest.raises(CrashError):
        await Publisher(writer.bus, ForgetfulGrids(writer.transactions), Bell()).look()
    for _ in range(2):
        await writer.publisher.look()
    first, second = writer.said
    assert first == second


async def test_a_result_that_the_broker_refused_is_tried_again(writer, caplog):
    async def refuse(_):
        raise BrokerError("not authorised to write to xrc.i03")

    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    writer.bus.publish, willing = refuse, writer.bus.publish
    await writer.publisher.look()
    assert writer.said == []
    assert "not authorised" in caplog.text

    writer.bus.publish = willing
    await writer.publisher.look()
    await writer.publisher.look()
    assert [result.version for result in writer.said] == [1]


async def test_two_writers_on_one_record_make_one_result(writer):
    """One that starts just then may say it, too, as it would after a crash: word for word."""
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(Publisher(writer.bus, writer.grids, Bell()).look)
    assert len(await writer.rows(grid_results)) == 1
    first, *again = writer.said
    assert all(result == first for result in again)


async def test_grids_of_two_beamlines_with_one_number_are_apart(writer):
    other = CollectionRef(beamline="i04", visit="cm12345-1", id=REF.id)
    await writer.record.accept(accepted(), None)
    await writer.record.accept(accepted(beamline="i04"), None)
    await writer.record.add_spots(found(range(6)), None)
    await writer.record.add_spots(found(range(6, 12), ref=other), None)
    await writer.publisher.look()
    assert writer.said == []


async def test_shadow_mode_marks_its_results(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    await Publisher(writer.bus, writer.grids, Bell(), shadow=True).look()
    assert writer.said[0].shadow


async def test_the_result_is_said_in_the_trace_of_the_collection(writer):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    spoken_in = []
    publish = writer.bus.publish

    async def listening(message):
        spoken_in.append(telemetry.trace_id())
        await publish(message)

    writer.bus.publish = listening
    await writer.record.accept(accepted(), parent)
    await writer.record.add_spots(found(ALL), None)
    await writer.publisher.look()
    assert spoken_in == ["0af7651916cd43dd8448eb211c80319c"]


async def test_a_bell_that_rang_before_anyone_waited_is_heard():
    bell = Bell()
    bell.ring()
    await bell.wait(1000)


async def test_a_silent_bell_is_not_waited_for_beyond_the_limit():
    await Bell().wait(0.001)

"""What leaves the record, and what stays true of what stays."""

from datetime import datetime, timedelta

import anyio.lowlevel
import pytest
from sqlalchemy import update

from services.writer.migrations import upgrade
from services.writer.record import Record
from services.writer.removal import Removal
from services.writer.schema import collections, crystals, grid_results, images, metadata, shells
from shared.database import open_database
from shared.messages import CollectionRef, SpotsFound, now
from shared.retention import BATCH, tidy
from shared.transactions import Transactions
from tests.clocks import standing_at
from tests.databases import MariaDb, PostgreSql, serving
from tests.results import DEADLINE_S, REF, ROTATION_CHANGES, START, accepted, ended, found, processed, spots
from tests.writer.conftest import Writer

ALL = range(12)
LATE_S = 1e6


@pytest.fixture
def removal(writer):
    return Removal(writer.transactions)


async def centred(writer):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    await writer.publisher.look()


async def all_of(remove, until=None):
    """How many rows went, in how many batches."""
    batches = []
    while (n_rows := await remove(until or now())) is not None:
        batches.append(n_rows)
    return batches


async def test_a_grid_whose_images_were_removed_keeps_its_result(writer, removal):
    await centred(writer)
    stood = [await writer.rows(table) for table in (grid_results, crystals)]
    assert await all_of(removal.remove_images) == [12]
    assert await writer.rows(images) == []
    assert [await writer.rows(table) for table in (grid_results, crystals)] == stood
    (row,) = await writer.rows(collections)
    assert row["images_since"] is None
    assert row["images_removed_at"] >= row["recorded_at"]


@pytest.mark.parametrize("n_images_left", [0, 8])
@pytest.mark.parametrize(
    "late", [found(range(4)), found([], failed=ALL), found([2]), accepted(), ended(), ended("aborted")]
)
async def test_a_grid_whose_images_were_removed_is_neither_amended_nor_centred_again(
    writer, removal, n_images_left, late
):
    """Also when the service died in the middle of the removal; a part of the images would pass for the whole."""
    await centred(writer)
    await removal.remove_images(now())
    if n_images_left:
        await leave_images(writer, n_images_left)
    write = {"SpotsFound": writer.record.add_spots, "CollectionAccepted": writer.record.accept}
    await write.get(type(late).__name__, writer.record.end)(late, None)
    writer.machine.pass_(LATE_S)
    await writer.publisher.look()

    assert [result.status for result in writer.said] == ["whole"]
    assert await writer.grids.open() == []
    assert len(await writer.rows(images)) == n_images_left
    assert await all_of(removal.remove_images) == ([n_images_left] if n_images_left else [])


async def leave_images(writer, n_images):
    """As a service leaves them that is killed between two batches."""
    row = {"beamline": REF.beamline, "collection_id": REF.id, "found_at": START, "failure": "truncated"}

    async def work(connection):
        await connection.execute(update(collections).values(images_since=START))
        await connection.execute(images.insert(), [row | {"image": image} for image in range(n_images)])

    await writer.transactions.write(work)


async def test_many_images_go_in_batches_and_the_grid_is_closed_from_the_first(writer, removal):
    n_images = 2 * BATCH + 7
    await writer.record.accept(accepted(**ROTATION_CHANGES, number_of_images=n_images), None)
    block = SpotsFound(
        collection=REF,
        experiment="rotation",
        found=tuple(spots(n) for n in range(n_images)),
        found_at=START,
        analysis_ms=1,
    )
    await writer.record.add_spots(block, None)
    assert await removal.remove_images(now()) == BATCH
    await writer.record.add_spots(block, None)
    assert len(await writer.rows(images)) == BATCH + 7
    assert await all_of(removal.remove_images) == [BATCH, 7]


async def test_a_grid_that_still_has_to_be_centred_keeps_its_images(writer, removal):
    """A writer that was switched off for months first says what it owes."""
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(ALL), None)
    assert await all_of(removal.remove_images) == []
    await writer.publisher.look()
    assert writer.said[0].n_found == 12
    assert await all_of(removal.remove_images) == [12]


async def test_images_of_a_collection_that_was_never_accepted_go_too(writer, removal):
    await writer.record.add_spots(found(ALL), None)
    assert await all_of(removal.remove_images) == [12]

    await writer.record.accept(accepted(), None)
    writer.machine.pass_(LATE_S)
    await writer.publisher.look()
    assert writer.said == []


async def test_younger_images_stay(writer, removal):
    await centred(writer)
    (row,) = await writer.rows(collections)
    assert await all_of(removal.remove_images, row["images_since"] - timedelta(microseconds=1)) == []


async def test_a_collection_is_forgotten_whole(writer, removal):
    await centred(writer)
    await writer.record.add_processing(processed(), None)
    assert await all_of(removal.remove_collection) == []  # its images stand
    await all_of(removal.remove_images)
    assert await all_of(removal.remove_collection) == [7]  # collection, grid result, crystal, run, three shells
    assert [await writer.rows(table) for table in metadata.sorted_tables] == [[] for _ in metadata.sorted_tables]


async def test_a_collection_stays_as_long_as_anything_about_it_is_young(writer, removal):
    """Else the attempts of its runs would be counted anew, and a run would get the name of an earlier one."""
    await centred(writer)
    await all_of(removal.remove_images)
    between = writer.clock.now()
    writer.machine.pass_(1)
    await writer.record.add_processing(processed(), None)
    assert await all_of(removal.remove_collection, between) == []
    assert len(await writer.rows(shells)) == 3


async def test_a_result_that_nobody_has_heard_yet_stays(writer, removal):
    await centred(writer)
    await all_of(removal.remove_images)

    async def unsay(connection):
        await connection.execute(update(grid_results).values(published_at=None))

    await writer.transactions.write(unsay)
    assert await all_of(removal.remove_collection) == []


async def test_what_comes_again_about_a_forgotten_collection_says_nothing(writer):
    """An acceptance from before its time is over is no news; images alone make no grid."""
    late = standing_at(START + timedelta(days=31))
    record = Record(writer.transactions, DEADLINE_S, timedelta(days=30), late)
    await record.accept(accepted(), None)
    await record.add_spots(found(range(4)), None)
    await record.end(ended(), None)
    await record.add_processing(processed(), None)
    writer.machine.pass_(LATE_S)
    await writer.publisher.look()
    assert writer.said == []
    (row,) = await writer.rows(collections)
    assert row["accepted_at"] is None


async def test_removal_and_recording_do_not_hinder_each_other(writer, removal):
    """No "database is locked" and no deadlock reaches whoever records, and every new row stands."""
    n_old, n_new = 40, 40
    for n in range(n_old):
        await record_grid(writer, n)
    until = writer.clock.now()
    writer.machine.pass_(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(all_of, removal.remove_images, until)
        for n in range(n_old, n_old + n_new):
            tasks.start_soon(record_grid, writer, n)
    await writer.publisher.look()

    kept = {(row["collection_id"], row["image"]) for row in await writer.rows(images)}
    assert kept == {(1000 + n, image) for n in range(n_old, n_old + n_new) for image in ALL}
    assert len(writer.said) == n_old + n_new
    assert {result.status for result in writer.said} == {"whole"}


async def record_grid(writer, n):
    ref = CollectionRef(beamline="i03", visit="cm12345-1", id=1000 + n)
    await writer.record.accept(accepted(dcid=ref.id), None)
    for first in (0, 6):
        await writer.record.add_spots(found(range(first, first + 6), ref=ref), None)
    await writer.publisher.look()


async def test_a_round_removes_images_of_the_one_age_and_collections_of_the_other(writer, removal):
    """Collections on every day of 40: all images older than 10 days, all collections older than 30."""
    today = datetime.now(tz=START.tzinfo)
    for age in range(40):
        record = Record(writer.transactions, DEADLINE_S, deadlines=standing_at(today - timedelta(days=age)))
        ref = CollectionRef(beamline="i03", visit="cm12345-1", id=100 - age)
        await record.accept(accepted(dcid=ref.id, **ROTATION_CHANGES), None)
        await record.add_spots(found([0], ref=ref), None)
    await tidy(removal.kinds(timedelta(days=10), timedelta(days=30)), today, no_pause)

    of = {row["collection_id"] for row in await writer.rows(images)}
    assert of == {100 - age for age in range(11)}
    assert {row["id"] for row in await writer.rows(collections)} == {100 - age for age in range(31)}


async def no_pause(_):
    await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", [PostgreSql, MariaDb])
async def test_a_server_that_is_away_during_removal_is_asked_again_at_the_next_round(kind, caplog):
    with serving(kind) as server:
        async with open_database(await server.new_database()) as engine:
            writer, today = Writer(engine, patience_s=60), now()
            await upgrade(writer.transactions)
            for age in range(4):
                record = Record(writer.transactions, DEADLINE_S, deadlines=standing_at(today - timedelta(days=age)))
                ref = CollectionRef(beamline="i03", visit="cm12345-1", id=9 - age)
                await record.add_spots(found(ALL, ref=ref), None)
            kinds = Removal(Transactions(engine, patience_s=60)).kinds(timedelta(days=1), timedelta(days=1000))
            server.kill()
            await tidy(kinds, now())
            assert caplog.text.count("stay until the next round") == 2
            await anyio.to_thread.run_sync(server.start)
            with anyio.fail_after(60):  # the server's own recovery, and connections that died with it
                while {row["collection_id"] for row in await writer.rows(images)} != {8, 9}:
                    await tidy(kinds, now())

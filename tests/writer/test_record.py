"""What stands in the database: each message once, in whatever order and however often it comes."""

from datetime import timedelta, timezone
from itertools import count, permutations

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from services.writer.handler import record_collection, record_end, record_processing, record_spots
from services.writer.schema import collections, crystals, grid_results, images, metadata, processing_results, shells
from shared.messages import (
    Alternative,
    CollectionRef,
    ProcessingRecorded,
    ProcessingResult,
    Reduction,
    ResultFile,
    RunState,
)
from tests.calendar import ODD
from tests.results import ROTATION_CHANGES, START, accepted, ended, found, processed

FRESH_IDS = count(1000)


async def replies(handler, message, writer):
    wake = {} if handler is record_processing else {"bell": writer.bell}
    return [reply async for reply in handler(message, record=writer.record, **wake)]


async def everything(writer):
    return {table.name: await writer.rows(table) for table in metadata.sorted_tables}


async def undated(writer):
    """Everything, without the moments of its writing."""
    written = {"recorded_at", "images_since"}
    tables = await everything(writer)
    return {name: [{k: row[k] for k in row.keys() - written} for row in rows] for name, rows in tables.items()}


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (record_collection, accepted()),
        (record_end, ended()),
        (record_end, ended("aborted")),
        (record_spots, found([0, 1, 5], failed=[2])),
        (record_processing, processed()),
        (record_processing, processed(RunState.FAILED, reason="no image could be indexed")),
    ],
)
async def test_a_redelivered_message_changes_nothing_and_is_answered_alike(writer, handler, message):
    first = await replies(handler, message, writer)
    recorded = await everything(writer)
    second = await replies(handler, message, writer)

    assert await everything(writer) == recorded
    assert second == first


async def test_a_collection_is_recorded_as_it_was_announced(writer):
    await replies(record_collection, accepted(), writer)
    (row,) = await writer.rows(collections)
    assert (row["beamline"], row["id"], row["visit"], row["experiment"]) == ("i03", 42, "cm12345-1", "gridscan")
    assert row["details"]["grid"]["snaked"] is True
    assert row["accepted_at"] == START
    assert (row["deadline"] - START).total_seconds() == pytest.approx(12 * 0.1 + 30)


async def test_the_order_of_start_spots_and_end_does_not_matter(writer, engine):
    messages = [(record_end, ended()), (record_spots, found([0])), (record_collection, accepted())]
    for handler, message in messages:
        await replies(handler, message, writer)
    backwards = await undated(writer)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    for handler, message in reversed(messages):
        await replies(handler, message, writer)
    assert await undated(writer) == backwards


async def test_an_early_end_brings_the_deadline_forward(writer):
    await replies(record_collection, accepted(exposure_s=10), writer)
    await replies(record_end, ended(at=START), writer)
    (row,) = await writer.rows(collections)
    assert (row["deadline"] - START).total_seconds() == 30


async def test_a_late_end_does_not_put_the_deadline_off(writer):
    await replies(record_collection, accepted(), writer)
    (before,) = await writer.rows(collections)
    writer.machine.pass_(2)
    await replies(record_end, ended(), writer)
    (after,) = await writer.rows(collections)
    assert after["deadline"] == before["deadline"]
    assert after["outcome"] == "ended"


async def test_every_number_of_an_image_is_recorded(writer):
    await replies(record_spots, found([5]), writer)
    (row,) = await writer.rows(images)
    assert row == {
        "beamline": "i03",
        "collection_id": 42,
        "image": 5,
        "n_spots_total": 20,
        "n_spots_no_ice": 20,
        "n_spots_4A": 10,
        "total_intensity": 2010.0,
        "estimated_d_min": 1.8,
        "d_min_distl_method_1": None,
        "d_min_distl_method_2": None,
        "noisiness_method_1": None,
        "noisiness_method_2": None,
        "found_at": found([]).found_at,
        "failure": None,
    }


async def test_a_result_replaces_a_failure(writer):
    await replies(record_spots, found([], failed=[6]), writer)
    (failed,) = await writer.rows(images)
    assert failed["failure"] == "the file is truncated"
    await replies(record_spots, found([6]), writer)
    (row,) = await writer.rows(images)
    assert (row["failure"], row["n_spots_total"], row["estimated_d_min"]) == (None, 30, 1.8)


async def test_a_failure_never_replaces_a_result(writer):
    await replies(record_spots, found([6]), writer)
    await replies(record_spots, found([], failed=[6]), writer)
    (row,) = await writer.rows(images)
    assert (row["failure"], row["n_spots_total"]) == (None, 30)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(st.tuples(st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11))), max_size=4))
async def test_an_image_is_found_if_it_ever_was(writer, blocks):
    ref = CollectionRef(beamline="i03", visit="cm1-1", id=next(FRESH_IDS))
    for good, bad in blocks:
        await replies(record_spots, found(good, failed=bad, ref=ref), writer)
    rows = [row for row in await writer.rows(images) if row["collection_id"] == ref.id]
    ever_found = set().union(*(good for good, _ in blocks))
    ever_failed = set().union(*(bad for _, bad in blocks))
    assert {row["image"]: row["failure"] is None for row in rows} == {
        **dict.fromkeys(ever_failed, False),
        **dict.fromkeys(ever_found, True),
    }


@pytest.mark.parametrize("order", list(permutations(["accept", "end", "spots"])))
async def test_images_of_a_rotation_are_recorded_and_no_result_is_owed(writer, order):
    rotation = accepted(**ROTATION_CHANGES)
    spots = found(range(11), failed=[11]).model_copy(update={"experiment": "rotation"})
    say = {"accept": (record_collection, rotation), "end": (record_end, ended()), "spots": (record_spots, spots)}
    for which in order:
        await replies(*say[which], writer)
    writer.machine.pass_(3600)
    await writer.publisher.look()

    recorded = await writer.rows(images)
    assert [row["image"] for row in recorded if row["failure"] is None] == list(range(11))
    assert [(row["experiment"], row["unreported"]) for row in await writer.rows(collections)] == [("rotation", False)]
    assert writer.said == []


async def test_fifty_blocks_at_once_are_all_recorded(writer):
    """SQLite knows one writer at a time; nobody may hear that the database is locked."""
    async with anyio.create_task_group() as tasks:
        for block in range(50):
            tasks.start_soon(replies, record_spots, found(range(16 * block, 16 * block + 16)), writer)
    assert sorted(row["image"] for row in await writer.rows(images)) == list(range(800))


async def test_a_processing_result_is_recorded_with_its_shells(writer):
    (reply,) = await replies(record_processing, processed(), writer)
    (run,) = await writer.rows(processing_results)
    assert reply == ProcessingRecorded(result=processed(), recorded_at=run["recorded_at"])
    assert (run["pipeline"], run["family"], run["state"]) == ("dials", "dials", "succeeded")
    assert (run["space_group"], run["cell_a"], run["cell_c"], run["cell_gamma"]) == ("P 43 21 2", 78, 37, 90)
    assert run["result"] == processed().model_dump(mode="json", exclude_none=True)
    statistics = {row["shell"]: (row["r_merge"], row["cc_half"], row["r_pim"]) for row in await writer.rows(shells)}
    assert statistics == dict.fromkeys(("overall", "inner", "outer"), (0.05, 0.999, None))


async def test_a_second_result_of_a_run_is_recorded_whole_beside_the_first(writer):
    second = Alternative(
        name="STARANISO", reduction=processed().reduction.model_copy(update={"beam_centre_mm": (92.4, 94.7)})
    )
    result = processed(alternatives=(second,), files=(ResultFile(path="/a/merged.mtz", kind="result", rank=1),))
    await replies(record_processing, result, writer)
    (run,) = await writer.rows(processing_results)
    assert ProcessingResult.model_validate(run["result"]) == result
    assert len(await writer.rows(shells)) == 3


async def test_a_run_has_one_end(writer):
    await replies(record_processing, processed(RunState.LOST, reduction=Reduction()), writer)
    await replies(record_processing, processed(), writer)
    (run,) = await writer.rows(processing_results)
    assert run["state"] == "lost"
    assert await writer.rows(shells) == []


async def test_nothing_but_the_publisher_makes_grid_results(writer):
    await replies(record_collection, accepted(), writer)
    assert await replies(record_spots, found(range(12)), writer) == []
    assert await writer.rows(grid_results) == await writer.rows(crystals) == []


async def test_moments_come_back_as_they_were_written_whatever_the_calendar_does(writer):
    there = [moment.astimezone(timezone(timedelta(hours=9.5))) - timedelta(microseconds=1) for moment in ODD]
    for dcid, moment in enumerate(there, start=1):
        await writer.record.accept(accepted(dcid=dcid).model_copy(update={"announced_at": moment}), None)

    assert [row["announced_at"] for row in await writer.rows(collections)] == there

"""The journal: a killed aggregator forgets nothing, and old things go."""

from datetime import timedelta

import anyio
import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select

from services.aggregator.__main__ import recall
from services.aggregator.history import USUAL_EVENTS, History, events as table
from services.aggregator.state import State
from shared.database import open_database
from shared.messages import CollectionRef, now
from shared.retention import tidy
from tests.aggregator.builders import (
    REF,
    ROTATION,
    accepted,
    centred,
    ended,
    fold_all,
    found,
    heard,
    recorded,
    rejected,
    s,
)
from tests.plans import explained

WEEK = timedelta(days=7)
EVENTS = [heard(accepted()), heard(found({0: 3}, s(1))), heard(centred(at=s(2))), heard(recorded()), heard(rejected())]


def recent(event, age=timedelta()):
    return heard(event.message, event.message_id, now() - age, event.trace_id)


@pytest.fixture
def url(database_url):
    return database_url


async def test_a_restarted_aggregator_knows_what_the_killed_one_knew(url):
    lived = [recent(event) for event in EVENTS]
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        for event in lived:
            await history.record(event)

    async with open_database(url) as engine:
        board = await recall(History(engine, WEEK, 200), State())

    assert board.state == fold_all(lived, State(n_collections=200))
    assert len(board.state.collections) == 2


async def test_a_message_delivered_twice_stands_once(url):
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()

        assert [await history.record(recent(EVENTS[0])) for _ in range(2)] == [True, False]
        assert [h.message_id async for h in history.replay()] == [EVENTS[0].message_id]


async def test_a_message_longer_than_64_kib_comes_back_whole(url):
    long = recent(heard(found(dict.fromkeys(range(2000), 3))))
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        await history.record(long)

        assert len(long.message.to_json()) > 2**16
        assert [h.message async for h in history.replay()] == [long.message]


async def test_old_events_go_and_are_not_replayed(url):
    """One announcement is rejected every day."""
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        today = now()
        for age in range(12):
            await history.record(heard(rejected(), f"ID:{age}", today - timedelta(days=age)))
        assert sorted([h.message_id async for h in history.replay()]) == sorted(f"ID:{age}" for age in range(8))

        await tidy(history.kinds(), today)
        assert await stored(engine) == {f"ID:{age}" for age in range(8)}


async def stored(engine):
    async with engine.connect() as connection:
        return set(await connection.scalars(select(table.c.message_id)))


async def test_a_collection_goes_whole_once_its_last_event_is_old(url):
    """A part of it would be shown as if it were all: a grid without its announcement, a run without its end."""
    old, alive = (CollectionRef(beamline="i03", visit="cm12345-1", id=n) for n in (1, 2))
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        today = now()
        for age in range(20):
            await history.record(heard(rejected(), f"ID:{age}", today - timedelta(days=age)))
        for ref, ages in ((old, (12, 11)), (alive, (12, 1))):
            for age in ages:
                await history.record(heard(ended(ref=ref), f"ID:{ref}-{age}", today - timedelta(days=age)))
        await tidy(history.kinds(), today)
        assert {m for m in await stored(engine) if "/" in m} == {"ID:i03/2-12", "ID:i03/2-1"}


async def test_what_a_removal_cut_short_has_left_of_a_collection_is_not_replayed(url):
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        today = now()
        for age in range(12):
            await history.record(heard(ended(ref=REF), f"ID:{age}", today - timedelta(days=age)))
        await history.record(heard(centred(collection=ROTATION), "ID:left", today - timedelta(days=11)))
        assert "ID:left" not in [h.message_id async for h in history.replay()]


@pytest.mark.parametrize("clock_was_back", [timedelta(), timedelta(days=400)])
async def test_images_of_collections_no_longer_shown_go(url, clock_was_back):
    """The last ones heard of are shown, even if the clock said that they were heard of a year ago."""
    refs = [CollectionRef(beamline="i03", visit="cm12345-1", id=n) for n in (1, 2, 3)]
    async with open_database(url) as engine:
        history = History(engine, WEEK, n_collections=2)
        await history.prepare()
        for ref in refs:
            at = now() - timedelta(hours=9 - ref.id) - (clock_was_back if ref.id == 3 else timedelta())
            await history.record(heard(found({0: 1}, ref=ref), f"ID:{ref.id}-image", at))
            await history.record(heard(centred(collection=ref), f"ID:{ref.id}", at))

        await tidy(history.kinds()[:1], now())
        assert await stored(engine) == {"ID:1", "ID:2-image", "ID:2", "ID:3-image", "ID:3"}
        assert {h.collection.id async for h in history.replay() if h.collection} == {2, 3}


async def test_the_newest_collections_are_found_behind_any_number_of_events(url):
    async with open_database(url) as engine:
        history = History(engine, WEEK, n_collections=2)
        await history.prepare()
        await history.record(recent(heard(centred(collection=ROTATION))))
        for _ in range(3 * USUAL_EVENTS):
            await history.record(recent(heard(found({0: 1}))))
        assert {h.collection.id async for h in history.replay() if h.collection} == {REF.id, ROTATION.id}


async def test_events_are_written_while_others_go(url):
    """No "database is locked", no deadlock, and nothing new goes."""
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        today = now()
        for age in range(40):
            await history.record(heard(rejected(), f"ID:{age}", today - timedelta(days=age)))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tidy, history.kinds(), today)
            for n in range(40):
                tasks.start_soon(history.record, heard(rejected(), f"ID:new-{n}", today))
        assert {m for m in await stored(engine) if "new" in m} == {f"ID:new-{n}" for n in range(40)}
        assert "ID:39" not in await stored(engine)


async def test_a_journal_of_an_earlier_version_gets_its_index(url):
    earlier = MetaData()
    columns = [Column(c.name, c.type, primary_key=c.primary_key) for c in table.columns if c.name != "message_id"]
    Table("events", earlier, *columns, Column("message_id", String(255), unique=True))
    async with open_database(url) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(earlier.create_all)
        history = History(engine, WEEK, 200)
        await history.prepare()
        await history.record(recent(EVENTS[0]))
        async with engine.connect() as connection:
            indexes = await connection.run_sync(lambda connection: inspect(connection).get_indexes("events"))
    assert {"events_kind", "ix_events_at", "ix_events_collection"} <= {index["name"] for index in indexes}


async def test_no_statement_reads_the_whole_journal(tmp_path):
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/history.sqlite") as engine:
        history = History(engine, WEEK, 1)
        await history.prepare()
        with explained() as plans:
            for ref in (REF, ROTATION):
                for age in (12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0):
                    await history.record(heard(found({0: 1}, ref=ref), at=now() - timedelta(days=age)))
            assert [h async for h in history.replay()]
            await tidy(history.kinds(), now())
    assert len(plans.by_statement) > 6
    assert [lines for sql, lines in plans.scans.items() if "ORDER BY events.id DESC" not in sql] == []


async def test_an_event_of_another_version_is_left_out_and_the_rest_is_kept(url, caplog):
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        foreign = {"at": now(), "body": "{}", "message_id": "ID:x"}
        async with engine.begin() as connection:
            await connection.execute(insert(table).values(kind="GridResult", **foreign))
            await connection.execute(insert(table).values(kind="Unheard", **foreign | {"message_id": "ID:y"}))
        await history.record(recent(EVENTS[4]))

        assert [h.kind async for h in history.replay()] == ["AnnouncementRejected"]
    assert caplog.text.count("of the history out") == 2

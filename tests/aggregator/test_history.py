"""The journal: a killed aggregator forgets nothing, and old things go."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from services.aggregator.__main__ import recall
from services.aggregator.history import History, events as table
from services.aggregator.state import State
from shared.database import open_database
from shared.messages import CollectionRef, now
from tests.aggregator.builders import accepted, centred, fold_all, found, heard, recorded, rejected, s

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
        board = await recall(History(engine, WEEK, 200), 200)

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


async def test_old_events_are_pruned_and_not_replayed(url):
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        await history.record(recent(EVENTS[0], age=timedelta(days=8)))
        await history.record(recent(EVENTS[4], age=timedelta(days=6)))

        assert [h.kind async for h in history.replay()] == ["AnnouncementRejected"]
        assert (await history.prune(), await history.prune()) == (1, 0)


async def test_images_of_collections_no_longer_shown_are_pruned(url):
    refs = [CollectionRef(beamline="i03", visit="cm12345-1", id=n) for n in (1, 2, 3)]
    async with open_database(url) as engine:
        history = History(engine, WEEK, n_collections=2)
        await history.prepare()
        for ref in refs:
            await history.record(heard(found({0: 1}, ref=ref), at=now() - timedelta(hours=9 - ref.id)))
            await history.record(heard(centred(collection=ref), at=now() - timedelta(hours=9 - ref.id)))

        assert await history.prune() == 1
        assert {h.collection.id async for h in history.replay() if h.collection} == {2, 3}


async def test_an_event_of_another_version_is_left_out_and_the_rest_is_kept(url, caplog):
    async with open_database(url) as engine:
        history = History(engine, WEEK, 200)
        await history.prepare()
        foreign = {"at": now().timestamp(), "body": "{}", "message_id": "ID:x"}
        async with engine.begin() as connection:
            await connection.execute(insert(table).values(kind="GridResult", **foreign))
            await connection.execute(insert(table).values(kind="Unheard", **foreign | {"message_id": "ID:y"}))
        await history.record(recent(EVENTS[4]))

        assert [h.kind async for h in history.replay()] == ["AnnouncementRejected"]
    assert caplog.text.count("of the history out") == 2

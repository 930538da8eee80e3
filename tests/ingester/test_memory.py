"""What the ingester forgets, and what it must not."""

from datetime import timedelta

import anyio
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, inspect, select

from services.ingester.memory import Memory, Novelty, announcements
from shared.database import LongText, open_database
from shared.messages import CollectionEnds, CollectionRef, CollectionStarts, Grid, now
from shared.retention import tidy
from tests.plans import explained


def start(dcid, message_index=0):
    fields = {"visit_directory": "/dls/i03/data", "prefix": "xtal", "run_number": 1, "number_of_images": 12}
    where = {"beamline": "i03", "visit": "cm12345-1", "dcid": dcid, "message_index": message_index}
    grid = Grid(steps_x=4, steps_y=3)
    return CollectionStarts(event="start", experiment="gridscan", exposure_s=0.1, grid=grid, **fields, **where)


def end(dcid):
    return CollectionEnds(event="end", beamline="i03", visit="cm12345-1", dcid=dcid)


class Hearing:
    """A memory, and how long ago something is heard."""

    def __init__(self, engine):
        self.engine, self.today, self.age_days = engine, now(), 0
        self.memory = Memory(engine, clock=lambda: self.today - timedelta(days=self.age_days))

    async def hear(self, event, age_days=0, message_id=None):
        self.age_days = age_days
        message_id = message_id or f"ID:{event.dcid}-{event.event}-{event.message_index}"
        return await self.memory.remember(event, message_id, None)

    async def known(self):
        async with self.engine.connect() as connection:
            return set(await connection.scalars(select(announcements.c.message_id)))


@pytest.fixture
async def hearing(database_url):
    async with open_database(database_url) as engine:
        hearing = Hearing(engine)
        await hearing.memory.prepare()
        yield hearing


async def test_old_announcements_go_and_younger_ones_are_still_known_as_repeats(hearing):
    for age in range(12):
        await hearing.hear(start(100 + age), age)
    await tidy(hearing.memory.kinds(timedelta(days=7)), hearing.today)
    assert await hearing.known() == {f"ID:{100 + age}-start-0" for age in range(8)}
    assert await hearing.hear(start(107), message_id="ID:again") is Novelty.REPEATED
    assert await hearing.hear(start(107)) is Novelty.REDELIVERED


async def test_a_collection_is_forgotten_whole_once_nothing_was_heard_of_it_for_so_long(hearing):
    """A first start that is gone while the second stands would be new if it came again, and start everything anew."""
    for age in range(20):
        await hearing.hear(start(100 + age), age)
    await hearing.hear(start(1), 15)
    await hearing.hear(start(1, message_index=1), 2)
    await hearing.hear(start(2), 15)
    await hearing.hear(end(2), 14)
    await tidy(hearing.memory.kinds(timedelta(days=7)), hearing.today)
    assert await hearing.hear(start(1), message_id="ID:again") is Novelty.REPEATED
    assert await hearing.memory.recall(CollectionRef(beamline="i03", visit="cm12345-1", id=2), "end") is None
    assert await hearing.memory.starts(2) == []


async def test_announcements_are_heard_while_old_ones_go(hearing):
    for age in range(40):
        await hearing.hear(start(100 + age), age)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tidy, hearing.memory.kinds(timedelta(days=7)), hearing.today)
        for n in range(40):
            tasks.start_soon(hearing.hear, start(1000 + n))
    known = await hearing.known()
    assert {f"ID:{1000 + n}-start-0" for n in range(40)} <= known
    assert "ID:139-start-0" not in known


async def test_announcements_of_an_earlier_version_are_still_known_and_count_from_now(database_url):
    """Their age stands nowhere; to take them for old would be to take a repeat for new."""
    earlier = MetaData()
    old = Table(
        "announcements",
        earlier,
        Column("beamline", String(16), primary_key=True),
        Column("dcid", Integer, primary_key=True, autoincrement=False),
        Column("phase", String(8), primary_key=True),
        Column("message_index", Integer, primary_key=True, autoincrement=False),
        Column("message_id", String(255), nullable=False),
        Column("traceparent", String(64)),
        Column("body", LongText, nullable=False),
    )
    said = {"beamline": "i03", "dcid": 42, "phase": "start", "message_index": 0, "message_id": "ID:old"}
    async with open_database(database_url) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(earlier.create_all)
            await connection.execute(old.insert().values(**said, body=start(42).to_json().decode()))
        hearing = Hearing(engine)
        await hearing.memory.prepare()
        async with engine.connect() as connection:
            indexes = await connection.run_sync(lambda connection: inspect(connection).get_indexes("announcements"))
            assert await connection.scalar(select(announcements.c.heard_at)) == hearing.today
        assert await hearing.hear(start(42), message_id="ID:again") is Novelty.REPEATED
    assert {index["name"] for index in indexes} == {"announcements_dcid", "announcements_heard_at"}


async def test_no_statement_reads_all_announcements(tmp_path):
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/ingester.sqlite") as engine:
        hearing = Hearing(engine)
        await hearing.memory.prepare()
        with explained() as plans:
            for age in range(12):
                await hearing.hear(start(100 + age), age)
            await hearing.hear(start(100), message_id="ID:again")
            await hearing.memory.recall(CollectionRef(beamline="i03", visit="cm12345-1", id=100), "start")
            assert len(await hearing.memory.starts(100)) == 1
            await tidy(hearing.memory.kinds(timedelta(days=7)), hearing.today)
    assert len(plans.by_statement) > 5
    assert plans.scans == {}

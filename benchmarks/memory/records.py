"""The services that remember: ingester, writer and aggregator, with their real handlers and SQLite files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio
import httpx

from benchmarks.memory.stage import ForgetfulBus, Play, Stage
from benchmarks.memory.words import announcements, collection, found, result, told
from services.aggregator.board import Board
from services.aggregator.decoding import hear
from services.aggregator.handler import take_note
from services.aggregator.history import History
from services.aggregator.state import State
from services.aggregator.web.app import Page, make_app
from services.ingester.gda import Announced
from services.ingester.handler import ingest
from services.ingester.memory import Memory
from services.ingester.settings import Settings as IngesterSettings
from services.writer.grids import Grids
from services.writer.handler import record_collection, record_processing, record_spots
from services.writer.migrations import upgrade
from services.writer.publisher import Bell, Publisher
from services.writer.record import Record
from shared.database import open_database
from shared.messages import CollectionAccepted, MessageDeadLettered, ProcessingResult, ServiceBeat, SpotsFound, now
from shared.pulse import Pulse
from shared.service import body_as
from shared.topology import Topology
from shared.transactions import Transactions

PAGES = 500  # data collections between two looks at the page
RESTARTS = 1000  # and between two new processes of a service
PROBLEMS = 50  # and between two dead letters


@asynccontextmanager
async def ingester(folder: Path) -> AsyncIterator[Play]:
    """Start and end of each collection, announced."""
    settings = IngesterSettings(data_roots=(folder,))
    async with open_database(f"sqlite+aiosqlite:///{folder}/ingester.sqlite") as engine, anyio.create_task_group() as t:
        memory, stage = Memory(engine), Stage("ingester", t)
        await memory.prepare()
        handler = partial(ingest, memory=memory, settings=settings)

        async def play(number: int) -> None:
            for message in announcements(collection(number, str(folder))):
                await stage.say(message, Announced.of, handler)

        yield play


@asynccontextmanager
async def writer(folder: Path) -> AsyncIterator[Play]:
    """A grid is recorded and centred; a rotation's images and its run are recorded."""
    async with open_database(f"sqlite+aiosqlite:///{folder}/writer.sqlite") as engine, anyio.create_task_group() as t:
        transactions, stage, bell = Transactions(engine, 10), Stage("writer", t), Bell()
        await upgrade(transactions)
        record = Record(transactions, 30)
        publisher = Publisher(ForgetfulBus("writer"), Grids(transactions), bell)

        async def play(number: int) -> None:
            which = collection(number)
            accepted = CollectionAccepted(collection=which, answered_at=now())
            heard = partial(record_collection, record=record, bell=bell)
            await stage.say(accepted, body_as(CollectionAccepted), heard)
            for block in found(which):
                await stage.say(block, body_as(SpotsFound), partial(record_spots, record=record, bell=bell))
            if which.grid:
                await publisher.look()
            else:
                await stage.say(result(which), body_as(ProcessingResult), partial(record_processing, record=record))

        yield play


@asynccontextmanager
async def aggregator(folder: Path) -> AsyncIterator[Play]:
    """Everything that is said of a collection, and what is said beside it; the page is looked at now and then."""
    async with open_database(f"sqlite+aiosqlite:///{folder}/aggregator.sqlite") as engine:
        history, board = History(engine, timedelta(days=7), 200), Board(State())
        await history.prepare()
        page = make_app(Page(board, Pulse("aggregator"), "i03", Topology()))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://page")
        async with client, anyio.create_task_group() as tasks:
            stage, handler = Stage("aggregator", tasks), partial(take_note, history=history, board=board)

            async def play(number: int) -> None:
                said = [*told(collection(number)), _beat(number), *_problem(number)]
                for message in said:
                    await stage.say(message, hear(type(message)), handler)
                if number % PAGES == 0:
                    await history.prune()
                    for path in ("/", "/metrics", f"/collections/i03/{number + 1}"):
                        (await client.get(path)).raise_for_status()

            yield play


def _beat(number: int) -> ServiceBeat:
    """Of processes that are replaced now and then."""
    instance = f"node:{number // RESTARTS}"
    at = now()
    return ServiceBeat(
        service="spotfinder", instance=instance, started_at=at, at=at, interval_s=5, handled=number, rejected=0
    )


def _problem(number: int) -> list[MessageDeadLettered]:
    letter = MessageDeadLettered(
        service="writer",
        queue="/queue/work",
        dead_letter_queue="/queue/DLQ.work",
        message_id=f"ID:{number}",
        reason="no way to handle this",
        at=now(),
    )
    return [letter] if number % PROBLEMS == 0 else []

"""The three databases of a mesh: what a collection leaves there, what is asked of them, what is removed when."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from benchmarks.year import said
from benchmarks.year.clones import AT, ID, VISIT, Template
from cli.collections import KnownCollections
from services.aggregator.__main__ import recall
from services.aggregator.heard import Heard
from services.aggregator.history import History
from services.aggregator.settings import Settings as AggregatorSettings
from services.aggregator.state import State
from services.ingester.memory import Memory
from services.ingester.settings import Settings as IngesterSettings
from services.writer.grids import Grids
from services.writer.migrations import upgrade
from services.writer.publisher import Bell, Publisher
from services.writer.record import Record
from services.writer.removal import Removal
from services.writer.schema import grid_results
from services.writer.settings import Settings as WriterSettings
from shared.clock import Clock, Deadlines, Reading
from shared.database import open_database
from shared.memory import MemoryBus
from shared.messages import Collection, ProcessingRecorded
from shared.retention import Kind
from shared.transactions import Transactions

Question = Callable[[], Awaitable[object]]
ASKED = count(90_000_001)
"""Ids of collections that the questions make."""
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Circumstances:
    """Of a question: the database, the simulated moment, and a grid and a rotation of the newest day."""

    engine: AsyncEngine
    file: Path
    at: datetime
    dcid: int
    visit: str


@dataclass(frozen=True)
class Database:
    """One of the three.

    Attributes:
        keep: how long most of it is kept.
        tables: in the order in which rows must be written.
        leave: writes what the service writes about one collection.
        questions: by what is asked.
        kinds: what goes when, by a clock of the simulation.
    """

    name: str
    keep: timedelta
    tables: Sequence[str]
    prepare: Callable[[AsyncEngine], Awaitable[None]]
    leave: Callable[[AsyncEngine, Collection], Awaitable[None]]
    questions: Callable[[Circumstances], dict[str, Question]]
    kinds: Callable[[AsyncEngine, datetime], Sequence[Kind[Any]]]

    async def template(self, folder: Path, *, grid: bool) -> Template:
        """What one collection leaves, written by the service itself."""
        file = folder / f"{self.name}-{grid}.sqlite"
        async with open_database(f"sqlite+aiosqlite:///{file}") as engine:
            await self.prepare(engine)
            await self.leave(engine, said.collection(ID, VISIT, grid=grid))
        return Template.of(file, self.tables)


def _record(engine: AsyncEngine, at: datetime) -> tuple[Record, Grids, Publisher]:
    transactions = Transactions(engine, patience_s=0)
    deadlines = Deadlines(Clock(lambda: Reading(at.timestamp(), 0, 0)))
    grids, record = Grids(transactions), Record(transactions, 30, deadlines=deadlines)
    return record, grids, Publisher(MemoryBus("writer"), grids, Bell(), deadlines=deadlines)


async def _prepare_record(engine: AsyncEngine) -> None:
    await upgrade(Transactions(engine, patience_s=0))


async def _leave_record(engine: AsyncEngine, what: Collection) -> None:
    record, _, publisher = _record(engine, AT)
    await record.accept(said.accepted(what, AT), TRACE)
    for block in said.blocks(what, AT):
        await record.add_spots(block, TRACE)
    await record.end(said.ended(what, AT), TRACE)
    await publisher.look()
    for run in said.runs(what.ref) if what.experiment == "rotation" else ():
        await record.add_processing(said.result(run, AT), TRACE)

    async def date(connection: AsyncConnection) -> None:
        await connection.execute(update(grid_results).values(published_at=AT))

    await Transactions(engine, patience_s=0).write(date)


def _ask_record(c: Circumstances) -> dict[str, Question]:
    record, grids, publisher = _record(c.engine, c.at)
    known = KnownCollections(c.file)

    async def begin() -> None:
        await record.accept(said.accepted(said.collection(next(ASKED), c.visit, grid=False), c.at), TRACE)

    async def block() -> None:
        what = said.collection(next(ASKED), c.visit, grid=True)
        await record.add_spots(next(said.blocks(what, c.at)), TRACE)

    async def processing() -> None:
        run, *_ = said.runs(said.collection(next(ASKED), c.visit, grid=False).ref)
        await record.add_processing(said.result(run, c.at), TRACE)

    async def centre() -> None:
        what = said.collection(next(ASKED), c.visit, grid=True)
        await record.accept(said.accepted(what, c.at - timedelta(hours=1)), TRACE)
        await record.add_spots(next(said.blocks(what, c.at)), TRACE)
        await publisher.look()

    async def of_visit() -> None:
        known.rotations(c.visit, None, None)

    async def of_yesterday() -> None:
        known.rotations(None, c.at - timedelta(days=1), None)

    async def one() -> None:
        known.one(c.dcid)

    async def attempt() -> None:
        known.last_attempt(said.collection(c.dcid, c.visit, grid=False), f"i03-{c.dcid}-dials-0a1b2c3d-")

    return {
        "a collection is accepted": begin,
        "a block of 34 images is recorded": block,
        "a run's result is recorded": processing,
        "grids that are due": grids.open,
        "a grid from acceptance to its centre": centre,
        "results that were not said": grids.unpublished,
        "reprocess, explain: a collection by id": one,
        "reprocess: the 100 rotations of a visit": of_visit,
        "reprocess: the 100 rotations of a day": of_yesterday,
        "reprocess: the last attempt of a run": attempt,
    }


def _remove_record(engine: AsyncEngine, at: datetime) -> Sequence[Kind[Any]]:
    settings = WriterSettings()
    keep = timedelta(days=settings.images_days), timedelta(days=settings.results_days)
    return Removal(Transactions(engine, patience_s=0), clock=lambda: at).kinds(*keep)


async def _prepare_announcements(engine: AsyncEngine) -> None:
    await Memory(engine).prepare()


async def _leave_announcements(engine: AsyncEngine, what: Collection) -> None:
    memory = Memory(engine, clock=lambda: AT)
    for event in said.announcements(what, AT):
        await memory.remember(event, f"ID:gda-{ID}-{event.event}", TRACE)


def _ask_announcements(c: Circumstances) -> dict[str, Question]:
    memory = Memory(c.engine, clock=lambda: c.at)
    ref = said.collection(c.dcid, c.visit, grid=False).ref

    async def remember() -> None:
        dcid = next(ASKED)
        start, _ = said.announcements(said.collection(dcid, c.visit, grid=True), c.at)
        await memory.remember(start, f"ID:gda-{dcid}", TRACE)

    return {
        "an announcement is remembered": remember,
        "the start of a collection": lambda: memory.recall(ref, "start"),
        "Zocalo: a collection by id, of any beamline": lambda: memory.starts(c.dcid),
    }


def _remove_announcements(engine: AsyncEngine, at: datetime) -> Sequence[Kind[Any]]:
    del at
    return Memory(engine).kinds(timedelta(days=IngesterSettings().announcements_days))


def _history(engine: AsyncEngine, at: datetime) -> History:
    settings = AggregatorSettings()
    return History(engine, timedelta(days=settings.history_days), settings.n_collections, clock=lambda: at)


async def _prepare_history(engine: AsyncEngine) -> None:
    await _history(engine, AT).prepare()


async def _leave_history(engine: AsyncEngine, what: Collection) -> None:
    history, numbers = _history(engine, AT), count()
    for message in said.heard_of(what, AT):
        await history.record(Heard(message, f"ID:mesh-{ID}-{next(numbers)}", None, AT))
    for run in said.runs(what.ref) if what.experiment == "rotation" else ():
        recorded = ProcessingRecorded(result=said.result(run, AT), recorded_at=AT)
        await history.record(Heard(recorded, f"ID:mesh-{ID}-{next(numbers)}", None, AT))


def _ask_history(c: Circumstances) -> dict[str, Question]:
    history = _history(c.engine, c.at)

    async def hear() -> None:
        what = said.collection(next(ASKED), c.visit, grid=True)
        await history.record(Heard(next(said.blocks(what, c.at)), f"ID:mesh-{what.dcid}", None, c.at))

    return {
        "an event is written down": hear,
        "everything that the page shows, at a start": lambda: recall(history, State(history.n_collections)),
    }


def _remove_history(engine: AsyncEngine, at: datetime) -> Sequence[Kind[Any]]:
    return _history(engine, at).kinds()


RECORD_TABLES = ("collections", "images", "grid_results", "crystals", "processing_results", "shells")
DATABASES = {
    "announcements": Database(
        "announcements",
        timedelta(days=IngesterSettings().announcements_days),
        ("announcements",),
        _prepare_announcements,
        _leave_announcements,
        _ask_announcements,
        _remove_announcements,
    ),
    "record": Database(
        "record",
        timedelta(days=WriterSettings().images_days),
        RECORD_TABLES,
        _prepare_record,
        _leave_record,
        _ask_record,
        _remove_record,
    ),
    "history": Database(
        "history",
        timedelta(days=AggregatorSettings().history_days),
        ("events",),
        _prepare_history,
        _leave_history,
        _ask_history,
        _remove_history,
    ),
}

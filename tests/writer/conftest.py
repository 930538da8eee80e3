"""A writer over a real database - an SQLite file, PostgreSQL, MariaDB - and the in-memory broker."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import settings
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.writer.grids import Grids
from services.writer.migrations import upgrade
from services.writer.publisher import Bell, Publisher
from services.writer.record import Record
from shared.clock import Deadlines
from shared.database import open_database
from shared.memory import MemoryBus
from shared.messages import GridResult
from shared.transactions import Transactions
from tests.clocks import Machine
from tests.results import DEADLINE_S, START

settings.register_profile("writer", deadline=None)
settings.load_profile("writer")


@dataclass
class Writer:
    """A writer without its loop: what it records, what it says."""

    engine: AsyncEngine
    patience_s: float = 5
    bus: MemoryBus = field(default_factory=lambda: MemoryBus("writer"))
    machine: Machine = field(default_factory=lambda: Machine(START.timestamp()))
    bell: Bell = field(default_factory=Bell)

    def __post_init__(self) -> None:
        self.transactions = Transactions(self.engine, self.patience_s)
        self.clock = self.machine.clock
        deadlines = Deadlines(self.clock)
        self.record = Record(self.transactions, DEADLINE_S, deadlines=deadlines)
        self.grids = Grids(self.transactions)
        limits = {"amend_interval_s": 1, "deadline_s": DEADLINE_S}
        self.publisher = Publisher(self.bus, self.grids, self.bell, **limits, deadlines=deadlines)

    @property
    def said(self) -> list[GridResult]:
        return [message for message in self.bus.broker.sent if isinstance(message, GridResult)]

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        async def read(connection: AsyncConnection) -> list[dict[str, Any]]:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

        return await self.transactions.read(read)


@pytest.fixture(scope="session")
def empty_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the writer makes it at its first start."""
    file = tmp_path_factory.mktemp("record") / "writer.sqlite"

    async def make() -> None:
        async with open_database(f"sqlite+aiosqlite:///{file}") as engine:
            await upgrade(Transactions(engine, patience_s=5))

    anyio.run(make)
    return file


@pytest.fixture
async def sqlite(empty_record: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A record in a file."""
    file = shutil.copy(empty_record, tmp_path / "writer.sqlite")
    async with open_database(f"sqlite+aiosqlite:///{file}") as engine:
        yield engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The record in each kind of database that it may be kept in."""
    async with open_database(database_url) as engine:
        await upgrade(Transactions(engine, patience_s=5))
        yield engine


@pytest.fixture
def writer(engine: AsyncEngine) -> Writer:
    return Writer(engine)

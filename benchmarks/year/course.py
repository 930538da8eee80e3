"""A year of one database: filled day by day, what is old removed as the clock goes on, looked at on some days."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import anyio.lowlevel
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.year.clones import Template, open_quickly
from benchmarks.year.databases import Circumstances, Database, Question
from shared.database import open_database
from shared.retention import Kind, tidy

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
N_GRIDS, N_ROTATIONS = 200, 100  # a day
N_COLLECTIONS = N_GRIDS + N_ROTATIONS
FIRST_ID = 10_000_000
REPEATS, FEW, LONG_S = 50, 5, 3.0  # fewer of what takes so long altogether


@dataclass
class Look:
    """What was found on one day.

    Attributes:
        rows, mebibytes: by table; indexes count with their table.
        files_mib: by file.
        free_mib: of the file, to be used again.
        questions_ms: median CPU time of each.
        removal: of one hourly round: rows, batches, seconds without pauses, a batch's median CPU and longest time.
    """

    days: int
    rows: dict[str, int] = field(default_factory=dict)
    mebibytes: dict[str, float] = field(default_factory=dict)
    files_mib: dict[str, float] = field(default_factory=dict)
    free_mib: float = 0
    questions_ms: dict[str, float] = field(default_factory=dict)
    removal: dict[str, float] = field(default_factory=dict)


@dataclass
class Batches:
    """The times of the batches of a removal [s], of the clock and of the CPU, and the rows they removed."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    n_rows: int = 0

    def timed(self, kind: Kind[Any]) -> Kind[Any]:
        """The same kind, watched."""

        async def remove(limit: object) -> int | None:
            start, start_cpu = time.perf_counter(), time.process_time()
            n_rows = await kind.remove(limit)
            if n_rows is not None:
                self.seconds.append(time.perf_counter() - start)
                self.cpu_s.append(time.process_time() - start_cpu)
                self.n_rows += n_rows
            return n_rows

        return replace(kind, remove=remove)


@dataclass
class Course:
    """One database on its way through the year.

    Attributes:
        ages: days on which it is looked at; the last is the end.
        on_day: called after each day.
    """

    database: Database
    folder: Path
    ages: Sequence[int]
    on_day: Callable[[], None]

    @property
    def file(self) -> Path:
        """Its file."""
        return self.folder / f"{self.database.name}.sqlite"

    async def run(self) -> list[Look]:
        """From an empty database to the last age."""
        async with open_database(f"sqlite+aiosqlite:///{self.file}") as engine:
            await self.database.prepare(engine)
        grid, rotation = [await self.database.template(self.folder, grid=grid) for grid in (True, False)]
        looks = []
        for day in range(1, self.ages[-1] + 1):
            await anyio.to_thread.run_sync(self._fill, day, grid, rotation)
            if day in self.ages:
                looks.append(await self._look(day))
            async with quick(self.file) as engine:
                await tidy(self.database.kinds(engine, START + day * DAY), START + day * DAY, no_pause)
            self.on_day()
        return looks

    def _fill(self, day: int, grid: Template, rotation: Template) -> None:
        whole = any(age - self.database.keep.days - 2 <= day <= age for age in self.ages)
        connection = open_quickly(self.file)
        for n in range(N_COLLECTIONS):
            template = rotation if n % 3 == 0 else grid
            at = START + (day - 1 + n / N_COLLECTIONS) * DAY
            template.clone(connection, dcid_of(day, n), visit_of(day), at, whole=whole)
            connection.commit()
        connection.close()

    async def _look(self, days: int) -> Look:
        """On the evening of a day: first the round of an hour, as in a service, then the rest."""
        look, at = Look(days), START + days * DAY
        async with quick(self.file) as engine:
            await tidy(self.database.kinds(engine, at), at - timedelta(hours=1), no_pause)
            measure_sizes(self, look)
            where = Circumstances(engine, self.file, at, dcid_of(days, 0), visit_of(days))
            for name, question in self.database.questions(where).items():
                look.questions_ms[name] = 1e3 * await time_of(question)
        async with open_database(f"sqlite+aiosqlite:///{self.file}") as engine:
            batches = Batches()
            kinds = [batches.timed(kind) for kind in self.database.kinds(engine, at)]
            start = time.perf_counter()
            await tidy(kinds, at, no_pause)
            look.removal = {
                "rows": batches.n_rows,
                "batches": len(batches.seconds),
                "seconds": time.perf_counter() - start,
                "cpu_ms": 1e3 * median(batches.cpu_s or [0]),
                "longest_ms": 1e3 * max(batches.seconds, default=0),
            }
        return look


def dcid_of(day: int, n: int) -> int:
    """The n-th collection of a day; every third is a rotation."""
    return FIRST_ID + day * N_COLLECTIONS + n


def visit_of(day: int) -> str:
    """One visit a day."""
    return f"cm{10_000 + day}-1"


async def no_pause(_: float) -> None:
    """In place of a pause between batches."""
    await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def quick(file: Path) -> AsyncIterator[AsyncEngine]:
    """As a service opens it, but the disk is not waited for."""

    def hurry(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own connection type
        connection.execute("PRAGMA synchronous=OFF")

    async with open_database(f"sqlite+aiosqlite:///{file}") as engine:
        event.listen(engine.sync_engine, "connect", hurry)
        yield engine


async def time_of(question: Question) -> float:
    """Median CPU time [s]: all of it is spent in this process, and others on the machine do not count."""
    seconds: list[float] = []
    while len(seconds) < REPEATS and not (len(seconds) >= FEW and sum(seconds) > LONG_S):
        start = time.process_time()
        await question()
        seconds.append(time.process_time() - start)
    return median(seconds)


def measure_sizes(course: Course, look: Look) -> None:
    """Rows and bytes of each table and file."""
    with sqlite3.connect(course.file) as connection:
        table_of = dict(connection.execute("SELECT name, tbl_name FROM sqlite_master"))
        n_free, page = (connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("freelist_count", "page_size"))
        for name, n_pages in connection.execute("SELECT name, pageno FROM dbstat WHERE aggregate = TRUE"):
            table = table_of.get(name, name)
            look.mebibytes[table] = look.mebibytes.get(table, 0) + n_pages * page / 2**20
        for table in course.database.tables:
            look.rows[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - a name of ours
    look.free_mib = n_free * page / 2**20
    files = [course.file, course.file.with_name(f"{course.file.name}-wal")]
    look.files_mib = {file.name: file.stat().st_size / 2**20 for file in files if file.exists()}

"""One way to open a database: SQLAlchemy Core, asynchronous, SQLite by default."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Connection, Dialect, Double, MetaData, Text, event, inspect, make_url
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeDecorator

LongText = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
"""Text of any length; MariaDB's TEXT ends at 64 KiB."""
SQLITE = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",  # [ms]
    "foreign_keys=ON",
    "journal_size_limit=16777216",  # [bytes] that the -wal file keeps once its content is in the database
    "secure_delete=OFF",  # Debian's SQLite overwrites what is deleted: removal of long texts takes nine times as long
)


class UnixMoment(TypeDecorator[datetime]):
    """A moment, stored as seconds since 1970, UTC."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:
        """From any zone."""
        del dialect
        return value.timestamp() if value else None

    def process_result_value(self, value: float | None, dialect: Dialect) -> datetime | None:
        """In UTC."""
        del dialect
        return None if value is None else datetime.fromtimestamp(value, UTC)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine for an SQLAlchemy URL; the folder of an SQLite file is made, and its journal written ahead."""
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        if file := make_url(url).database:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction, not to be cancelled halfway: a connection dropped then keeps its thread, and SQLite's lock."""
    with anyio.CancelScope(shield=True):
        async with engine.begin() as connection:
            yield connection


def complete(connection: Connection, metadata: MetaData) -> None:
    """Make the tables, columns and indexes that are missing; a column that is added later must be nullable."""
    metadata.create_all(connection)
    there = inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection type
    cursor = connection.cursor()
    for pragma in SQLITE:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

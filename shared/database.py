"""One way to open a database: SQLAlchemy Core, asynchronous, SQLite by default."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Text, event, make_url
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

LongText = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
"""Text of any length; MariaDB's TEXT ends at 64 KiB."""


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


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection type
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

"""Transactions that wait for a database which is away, and take turns where it knows one writer only."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from copy import copy
from typing import TypeVar

import anyio
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import process_clock
from shared.database import transaction

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
log = logging.getLogger(__name__)

SQLITE_TRANSIENT = {5, 6, 10, 13}  # busy, locked, input/output error, disk full
MARIADB_TRANSIENT = {1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013}  # connections, shutdown, locks, network
POSTGRESQL_TRANSIENT = {"08", "40", "53", "57"}  # SQLSTATE classes: connection, rollback, resources, operator
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


def is_transient(fault: Exception) -> bool:
    """Whether the same statement may succeed later; a wrong schema or wrong data will not."""
    if isinstance(fault, DBAPIError):
        return fault.connection_invalidated or _passes(fault)
    return isinstance(fault, OSError)  # asyncpg lets a refused connection through as it is


def _passes(fault: DBAPIError) -> bool:
    cause = fault.orig
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return code & 0xFF in SQLITE_TRANSIENT
    if state := getattr(cause, "sqlstate", None):
        return state[:2] in POSTGRESQL_TRANSIENT
    number = cause.args[0] if cause and cause.args else None
    return number in MARIADB_TRANSIENT if isinstance(number, int) else isinstance(fault, OperationalError)


class Transactions:
    """Work on one database, a transaction at a time; work may be repeated, so it must be idempotent."""

    def __init__(self, engine: AsyncEngine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s
        self._turn: AbstractAsyncContextManager[object] = (
            anyio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the database's dialect."""
        return self._engine.dialect.name

    def once(self) -> "Transactions":
        """The same database in the same turns, for work that is tried once, since it is done later as well."""
        impatient = copy(self)
        impatient._patience_s = 0  # noqa: SLF001 - its own
        return impatient

    async def write(self, work: Work[T]) -> T:
        """Run and commit. The first statement of the work must write: it takes the lock that the rest relies on.

        Raises:
            sqlalchemy.exc.DBAPIError: the database refuses, or has been away for longer than the patience.
        """
        async with self._turn:
            return await self._insist(work)

    async def read(self, work: Work[T]) -> T:
        """Run without waiting for writers.

        Raises:
            sqlalchemy.exc.DBAPIError: as for ``write``.
        """
        return await self._insist(work)

    async def _insist(self, work: Work[T]) -> T:
        give_up_at, pause_s = process_clock.awake() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                async with transaction(self._engine) as connection:
                    return await work(connection)
            except (DBAPIError, OSError) as fault:
                if not is_transient(fault) or process_clock.awake() + pause_s > give_up_at:
                    raise
                log.warning("the database is away, trying again in %.2f s: %s", pause_s, fault)
            await anyio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

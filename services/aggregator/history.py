"""The journal: every event stands in the database before it is acknowledged, so that a restart forgets nothing."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
from pydantic import ValidationError
from sqlalchemy import (
    Column,
    Double,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.aggregator.heard import KINDS, Heard
from shared.database import LongText, transaction
from shared.messages import SpotsFound, now

log = logging.getLogger(__name__)
KIND_BY_NAME = {kind.__name__: kind for kind in KINDS}
PRUNE_INTERVAL_S = 3600
metadata = MetaData()
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", String(255), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("collection", String(64), index=True, comment="such as i03/42; null: not about a collection"),
    Column("at", Double, nullable=False, index=True, comment="when it was heard, seconds since 1970, UTC"),
    Column("trace_id", String(32)),
    Column("body", LongText, nullable=False, comment="JSON as it travelled"),
)


class History:
    """The journal of one aggregator.

    Attributes:
        keep: how long an event stays.
        n_collections: the images of so many data collections stay, those heard of last.
    """

    def __init__(self, engine: AsyncEngine, keep: timedelta, n_collections: int) -> None:
        self.keep = keep
        self.n_collections = n_collections
        self._engine = engine
        self._writing = anyio.Lock()  # SQLite has one writer; waiting here is fairer than its busy loop

    async def prepare(self) -> None:
        """Make the table."""
        async with transaction(self._engine) as connection:
            await connection.run_sync(metadata.create_all)

    async def record(self, heard: Heard) -> bool:
        """Write one event down; False if it stood there already.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it cannot be written.
        """
        row = {
            "message_id": heard.message_id,
            "kind": heard.kind,
            "collection": str(heard.collection) if heard.collection else None,
            "at": heard.at.timestamp(),
            "trace_id": heard.trace_id,
            "body": heard.message.to_json().decode(),
        }
        async with self._writing:
            try:
                async with transaction(self._engine) as connection:
                    await connection.execute(insert(events).values(row))
            except IntegrityError:
                return False
        return True

    async def replay(self) -> AsyncIterator[Heard]:
        """Everything worth folding again, in the order it was heard."""
        wanted = (
            select(events)
            .where(events.c.at >= (now() - self.keep).timestamp())
            .where(or_(events.c.collection.is_(None), events.c.collection.in_(self._newest())))
            .order_by(events.c.id)
        )
        async with self._engine.connect() as connection:
            async for row in await connection.stream(wanted):
                if heard := _heard(row):
                    yield heard

    async def prune(self) -> int:
        """Drop old events, and the images of collections that are no longer shown; the number of rows dropped."""
        old = events.c.at < (now() - self.keep).timestamp()
        hidden = (events.c.kind == SpotsFound.__name__) & events.c.collection.not_in(self._newest())
        async with self._writing, transaction(self._engine) as connection:
            return (await connection.execute(delete(events).where(or_(old, hidden)))).rowcount

    async def prune_for_ever(self) -> None:
        """Prune now and every hour."""
        while True:
            log.info("dropped %d old events", await self.prune())
            await anyio.sleep(PRUNE_INTERVAL_S)

    def _newest(self) -> Select[tuple[str]]:
        """MariaDB takes a limit in a table of its own only."""
        about = select(events.c.collection).where(events.c.collection.is_not(None)).group_by(events.c.collection)
        newest = about.order_by(func.max(events.c.at).desc()).limit(self.n_collections).subquery()
        return select(newest.c.collection)


def _heard(row: Row[tuple[object, ...]]) -> Heard | None:
    """None, and a warning, for an event of another version of this program."""
    try:
        message = KIND_BY_NAME[row.kind].model_validate_json(row.body)
    except (KeyError, ValidationError) as fault:
        log.warning("left one %s of the history out: %s", row.kind, fault)
        return None
    return Heard(message, row.message_id, row.trace_id, datetime.fromtimestamp(row.at, UTC))

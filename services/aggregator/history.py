"""The journal: every event stands in the database before it is acknowledged, so that a restart forgets nothing."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    and_,
    delete,
    insert,
    not_,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.aggregator.heard import KINDS, Heard
from shared.database import LongText, UnixMoment, complete
from shared.messages import SpotsFound, now
from shared.retention import BATCH, Kind, aged
from shared.transactions import Transactions

log = logging.getLogger(__name__)
KIND_BY_NAME = {kind.__name__: kind for kind in KINDS}
USUAL_EVENTS = 40
"""Events of a collection, about: so many are looked through for the newest collections, more if need be."""
metadata = MetaData()
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", String(255), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("collection", String(64), index=True, comment="such as i03/42; null: not about a collection"),
    Column("at", UnixMoment, nullable=False, index=True, comment="when it was heard, seconds since 1970, UTC"),
    Column("trace_id", String(32)),
    Column("body", LongText, nullable=False, comment="JSON as it travelled"),
    Index("events_kind", "kind", "id"),
)
E = events.c
later = events.alias("later")


class History:
    """The journal of one aggregator.

    Attributes:
        keep: how long an event stays.
        n_collections: the images of so many data collections stay, those heard of last.
    """

    def __init__(
        self, engine: AsyncEngine, keep: timedelta, n_collections: int, clock: Callable[[], datetime] = now
    ) -> None:
        self.keep = keep
        self.n_collections = n_collections
        self._clock = clock
        self._engine = engine
        self._transactions = Transactions(engine, patience_s=0)
        self._limit = aged(self._transactions, E.at, keep)

    async def prepare(self) -> None:
        """Make the table where there is none, or what it lacks."""

        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(complete, metadata)

        await self._transactions.write(work)

    async def record(self, heard: Heard) -> bool:
        """Write one event down; False if it stood there already.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it cannot be written.
        """
        row = {
            "message_id": heard.message_id,
            "kind": heard.kind,
            "collection": str(heard.collection) if heard.collection else None,
            "at": heard.at,
            "trace_id": heard.trace_id,
            "body": heard.message.to_json().decode(),
        }

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(events), row)

        try:
            await self._transactions.write(write)
        except IntegrityError:
            return False
        return True

    async def replay(self) -> AsyncIterator[Heard]:
        """Everything worth folding again, in the order it was heard; not what is left of a removal cut short."""
        until = await self._limit(self._clock())
        newest = list(await self._transactions.read(self._newest))
        wanted = select(events).where(or_(E.collection.is_(None), E.collection.in_(newest)))
        if until:
            wanted = wanted.where(not_(_old(until)))
        async with self._engine.connect() as connection:
            async for row in await connection.stream(wanted.order_by(E.id)):
                if heard := _heard(row):
                    yield heard

    def kinds(self) -> tuple[Kind[Any], ...]:
        """What goes when."""
        return (
            Kind("images of collections that are no longer shown", self._hidden_until, self._remove_hidden),
            Kind("events", self._limit, self._remove_old),
        )

    async def _hidden_until(self, _: datetime) -> int | None:
        """Number of the event since which something was heard of each collection shown; None: all are shown."""
        newest = await self._transactions.read(self._newest)
        return min(newest.values()) if len(newest) == self.n_collections else None

    async def _newest(self, connection: AsyncConnection) -> dict[str, int]:
        """The collections heard of last, each with its newest event; in the order of events, whatever clocks said."""
        n_events = USUAL_EVENTS * self.n_collections
        while True:
            rows = (await connection.execute(select(E.id, E.collection).order_by(E.id.desc()).limit(n_events))).all()
            newest: dict[str, int] = {}
            for row in rows:
                if row.collection:
                    newest.setdefault(row.collection, row.id)
            if len(newest) >= self.n_collections or len(rows) < n_events:
                return dict(islice(newest.items(), self.n_collections))
            n_events *= 4

    async def _remove_hidden(self, before: int) -> int | None:
        heard_since = select(later.c.id).where(later.c.collection == E.collection, later.c.id >= before).exists()
        return await self._remove(and_(E.kind == SpotsFound.__name__, E.id < before, not_(heard_since)))

    async def _remove_old(self, until: datetime) -> int | None:
        return await self._remove(_old(until))

    async def _remove(self, unwanted: ColumnElement[bool]) -> int | None:
        async def find(connection: AsyncConnection) -> list[int]:
            return list(await connection.scalars(select(E.id).where(unwanted).limit(BATCH)))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(events).where(E.id.in_(found)))).rowcount

        found = await self._transactions.read(find)
        return await self._transactions.write(work) if found else None


def _old(until: datetime) -> ColumnElement[bool]:
    """Collections go whole: nothing was heard of this one since then."""
    heard_since = select(later.c.id).where(later.c.collection == E.collection, later.c.at > until).exists()
    return and_(E.at <= until, not_(heard_since))


def _heard(row: Row[tuple[object, ...]]) -> Heard | None:
    """None, and a warning, for an event of another version of this program."""
    try:
        message = KIND_BY_NAME[row.kind].model_validate_json(row.body)
    except (KeyError, ValidationError) as fault:
        log.warning("left one %s of the history out: %s", row.kind, fault)
        return None
    return Heard(message, row.message_id, row.trace_id, row.at)

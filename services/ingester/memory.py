"""What has been announced before: the memory that makes a repeated event harmless, across restarts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import Column, Index, Integer, MetaData, Select, String, Table, bindparam, delete, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import LongText, UnixMoment, complete
from shared.messages import CollectionEnds, CollectionRef, CollectionStarts, data_collection_event, now
from shared.retention import BATCH, Kind, aged
from shared.transactions import Transactions

metadata = MetaData()
announcements = Table(
    "announcements",
    metadata,
    Column("beamline", String(16), primary_key=True),
    Column("dcid", Integer, primary_key=True, autoincrement=False),
    Column("phase", String(8), primary_key=True, comment="start or end; an abort is an end"),
    Column("message_index", Integer, primary_key=True, autoincrement=False),
    Column("message_id", String(255), nullable=False, comment="the broker's id of the message that said it"),
    Column("traceparent", String(64), comment="W3C trace context in which it was said"),
    Column("body", LongText, nullable=False, comment="the announcement, JSON"),
    Column("heard_at", UnixMoment, comment="seconds since 1970, UTC; null: an older ingester wrote it"),
    Index("announcements_dcid", "dcid"),
    Index("announcements_heard_at", "heard_at"),
)
FORGET = delete(announcements).where(
    announcements.c.beamline == bindparam("of_beamline"), announcements.c.dcid == bindparam("of_dcid")
)


class Novelty(Enum):
    """Whether an event has been heard before."""

    NEW = auto()
    REDELIVERED = auto()  # the same message again: its answer was never committed, so it must be said again
    REPEATED = auto()  # another message that says the same


@dataclass(frozen=True, slots=True)
class Remembered:
    """An earlier event and the trace in which it came."""

    event: CollectionStarts | CollectionEnds
    traceparent: str | None


class Memory:
    """Announcements, remembered in a database."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime] = now) -> None:
        self._transactions = Transactions(engine, patience_s=0)
        self._clock = clock

    async def prepare(self) -> None:
        """Make the table where there is none, or what it lacks; what an older ingester heard counts as heard now."""
        dated = update(announcements).where(announcements.c.heard_at.is_(None)).values(heard_at=self._clock())

        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(complete, metadata)
            await connection.execute(dated)

        await self._transactions.write(work)

    async def remember(
        self, event: CollectionStarts | CollectionEnds, message_id: str, traceparent: str | None
    ) -> Novelty:
        """Keep an event, and tell whether it is new."""
        said = {"message_id": message_id, "traceparent": traceparent, "body": event.to_json().decode()}
        insertion = announcements.insert().values(**_key(event), **said, heard_at=self._clock())

        async def insert(connection: AsyncConnection) -> None:
            await connection.execute(insertion)

        try:
            await self._transactions.write(insert)
        except IntegrityError:
            first = await self._message_id(event)
            return Novelty.REDELIVERED if first == message_id else Novelty.REPEATED
        return Novelty.NEW

    async def _message_id(self, event: CollectionStarts | CollectionEnds) -> str | None:
        matches = [announcements.c[name] == value for name, value in _key(event).items()]
        query = select(announcements.c.message_id).where(*matches)

        async def read(connection: AsyncConnection) -> str | None:
            return await connection.scalar(query)

        return await self._transactions.read(read)

    async def recall(self, collection: CollectionRef, phase: str) -> Remembered | None:
        """The first event of one phase (start or end) of a collection."""
        a = announcements.c
        query = select(a.beamline, a.body, a.traceparent).where(
            a.beamline == collection.beamline, a.dcid == collection.id, a.phase == phase
        )
        found = await self._first_by_beamline(query)
        return found[0] if found else None

    async def starts(self, dcid: int) -> list[Remembered]:
        """The first start of every collection with that id; ids may repeat between beamlines."""
        a = announcements.c
        query = select(a.beamline, a.body, a.traceparent).where(a.dcid == dcid, a.phase == "start")
        return await self._first_by_beamline(query)

    async def _first_by_beamline(self, query: Select[tuple[str, str, str | None]]) -> list[Remembered]:
        ordered = query.order_by(announcements.c.beamline, announcements.c.message_index.desc())

        async def read(connection: AsyncConnection) -> list[Remembered]:
            first = {row.beamline: row for row in await connection.execute(ordered)}
            return [Remembered(data_collection_event.validate_json(r.body), r.traceparent) for r in first.values()]

        return await self._transactions.read(read)

    def kinds(self, keep: timedelta) -> tuple[Kind[datetime], ...]:
        """What goes after how long."""
        return (Kind("announcements", aged(self._transactions, announcements.c.heard_at, keep), self.forget),)

    async def forget(self, until: datetime) -> int | None:
        """Some collections of which nothing was heard since then, whole: a start without its end would start anew.

        Returns:
            Number of announcements forgotten; None: there were none.
        """
        a, later = announcements.c, announcements.alias()
        of_same = later.c.beamline == a.beamline, later.c.dcid == a.dcid
        heard_since = select(later.c.phase).where(*of_same, later.c.heard_at > until).correlate(announcements).exists()
        old = select(a.beamline.label("of_beamline"), a.dcid.label("of_dcid")).where(a.heard_at <= until)

        async def find(connection: AsyncConnection) -> list[dict[str, str | int]]:
            some = old.where(not_(heard_since)).order_by(a.heard_at).limit(BATCH)
            return [dict(row) for row in (await connection.execute(some)).mappings()]

        found = await self._transactions.read(find)

        async def work(connection: AsyncConnection) -> int:
            await connection.execute(FORGET, found)
            return len(found)

        return await self._transactions.write(work) if found else None


def _key(event: CollectionStarts | CollectionEnds) -> dict[str, str | int]:
    return {
        "beamline": event.beamline,
        "dcid": event.dcid,
        "phase": "start" if isinstance(event, CollectionStarts) else "end",
        "message_index": event.message_index,
    }

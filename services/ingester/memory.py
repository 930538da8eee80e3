"""What has been announced before: the memory that makes a repeated event harmless, across restarts."""

from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import LongText, transaction
from shared.messages import CollectionEnds, CollectionRef, CollectionStarts, data_collection_event

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

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def prepare(self) -> None:
        """Make the table where there is none."""
        async with transaction(self._engine) as connection:
            await connection.run_sync(metadata.create_all)

    async def remember(
        self, event: CollectionStarts | CollectionEnds, message_id: str, traceparent: str | None
    ) -> Novelty:
        """Keep an event, and tell whether it is new."""
        row = {**_key(event), "message_id": message_id, "traceparent": traceparent, "body": event.to_json().decode()}
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(announcements.insert().values(row))
        except IntegrityError:
            async with transaction(self._engine) as connection:
                first = await self._message_id(connection, event)
            return Novelty.REDELIVERED if first == message_id else Novelty.REPEATED
        return Novelty.NEW

    async def _message_id(self, connection: AsyncConnection, event: CollectionStarts | CollectionEnds) -> str | None:
        matches = [announcements.c[name] == value for name, value in _key(event).items()]
        return await connection.scalar(select(announcements.c.message_id).where(*matches))

    async def recall(self, collection: CollectionRef, phase: str) -> Remembered | None:
        """The first event of one phase (start or end) of a collection."""
        query = (
            select(announcements.c.body, announcements.c.traceparent)
            .where(
                announcements.c.beamline == collection.beamline,
                announcements.c.dcid == collection.id,
                announcements.c.phase == phase,
            )
            .order_by(announcements.c.message_index)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).first()
        return Remembered(data_collection_event.validate_json(row.body), row.traceparent) if row else None

    async def starts(self, dcid: int) -> list[Remembered]:
        """The first start of every collection with that id; ids may repeat between beamlines."""
        a = announcements.c
        query = select(a.beamline, a.body, a.traceparent).where(a.dcid == dcid, a.phase == "start")
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(query.order_by(a.beamline, a.message_index.desc()))).all()
        first = {row.beamline: row for row in rows}
        return [Remembered(data_collection_event.validate_json(row.body), row.traceparent) for row in first.values()]


def _key(event: CollectionStarts | CollectionEnds) -> dict[str, str | int]:
    return {
        "beamline": event.beamline,
        "dcid": event.dcid,
        "phase": "start" if isinstance(event, CollectionStarts) else "end",
        "message_index": event.message_index,
    }

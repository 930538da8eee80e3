"""Data collections as they were announced, read from the writer's database."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, Select, create_engine, func, select

from services.writer.schema import collections, processing_results
from shared.messages import Collection

C = collections.c


class UnknownCollectionError(Exception):
    """The database does not have a collection, or not what was announced of it; the message says what to do."""


class KnownCollections:
    """The record of a mesh, only read."""

    def __init__(self, database: Path) -> None:
        self._engine = read_only(database)

    def one(self, collection_id: int) -> Collection:
        """A collection by its id.

        Raises:
            UnknownCollectionError: there is none, or several beamlines have one.
        """
        found = self._read(select(C.details).where(C.id == collection_id))
        if len(found) != 1:
            problem = "is not in the record" if not found else "is in the record of several beamlines"
            raise UnknownCollectionError(f"collection {collection_id} {problem}; `mxmesh status` lists what there is")
        return found[0]

    def rotations(self, visit: str | None, since: datetime | None, until: datetime | None) -> list[Collection]:
        """Rotations of a visit, of a time, or of both, in the order of their announcement."""
        query = select(C.details).where(C.experiment == "rotation").order_by(C.accepted_at, C.id)
        if visit:
            query = query.where(C.visit == visit)
        if since:
            query = query.where(C.accepted_at >= since)
        if until:
            query = query.where(C.accepted_at < until)
        return self._read(query)

    def last_attempt(self, collection: Collection, run_id_stem: str) -> int:
        """The highest attempt of the runs whose ids begin so; 0 if none is recorded."""
        p = processing_results.c
        query = select(func.coalesce(func.max(p.attempt), 0)).where(
            p.beamline == collection.beamline,
            p.collection_id == collection.dcid,
            p.run_id.startswith(run_id_stem, autoescape=True),
        )
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def _read(self, query: Select[tuple[object]]) -> list[Collection]:
        with self._engine.connect() as connection:
            details: Sequence[object] = connection.scalars(query).all()
        return [Collection.model_validate(each) for each in details if each]


def read_only(file: Path) -> Engine:
    """An SQLite database that another process writes."""
    return create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")

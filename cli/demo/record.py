"""What stands in the writer's database, read by somebody else."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select

from cli.collections import read_only
from services.aggregator.history import events
from services.writer import schema
from shared.messages import CollectionRef, ProcessingResult, SpotsFound


@dataclass(frozen=True)
class Images:
    """Images of a collection that have a result.

    Attributes:
        n_found, n_failed: with spots counted; with a recorded failure.
        n_spots: over all images.
        brightest: most spots on one image.
    """

    n_found: int
    n_failed: int
    n_spots: int
    brightest: int


def count_images(ref: CollectionRef) -> Select[Any]:
    """What `Images` says of a collection."""
    i = schema.images.c
    return select(
        func.count().filter(i.failure.is_(None)),
        func.count().filter(i.failure.is_not(None)),
        func.coalesce(func.sum(i.n_spots_total), 0),
        func.coalesce(func.max(i.n_spots_total), 0),
    ).where(i.beamline == ref.beamline, i.collection_id == ref.id)


class Recorded:
    """The writer's results and the aggregator's journal, only read."""

    def __init__(self, database: Path, journal: Path) -> None:
        self._engine = read_only(database)
        self._journal = read_only(journal)

    def images(self, ref: CollectionRef) -> Images:
        """How many images of a collection stand there, and their spots."""
        with self._engine.connect() as connection:
            return Images(*connection.execute(count_images(ref)).one())

    def first_found_at(self, ref: CollectionRef) -> datetime | None:
        """When the first image of a collection had its result."""
        i = schema.images.c
        query = select(func.min(i.found_at, type_=i.found_at.type)).where(
            i.beamline == ref.beamline, i.collection_id == ref.id
        )
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def processing(self, ref: CollectionRef) -> ProcessingResult | None:
        """The recorded end of a collection's processing."""
        p = schema.processing_results.c
        query = select(p.result).where(p.beamline == ref.beamline, p.collection_id == ref.id)
        with self._engine.connect() as connection:
            found = connection.scalar(query)
        return ProcessingResult.model_validate(found) if found else None

    def n_reports(self, ref: CollectionRef) -> int:
        """How many results of images of a collection were said on the mesh; more than images if any was said twice."""
        query = select(events.c.body).where(events.c.collection == str(ref), events.c.kind == SpotsFound.__name__)
        with self._journal.connect() as connection:
            blocks = [SpotsFound.model_validate_json(body) for body in connection.scalars(query)]
        return sum(len(block.found) + len(block.failed) for block in blocks)

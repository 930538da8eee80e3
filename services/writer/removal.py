"""What leaves the record when it is old: first the images of a collection, much later all that is known of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, delete, false, func, not_, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from services.writer.schema import collections, crystals, grid_results, images, processing_results, shells
from shared.messages import now
from shared.retention import BATCH, Kind, aged
from shared.transactions import Transactions

C = collections.c
SETTLED = or_(C.unreported == false(), C.experiment.is_(None), C.experiment != "gridscan")
"""No grid result is due: whatever the images of a grid said has been said."""
Key = tuple[str, int]


class Removal:
    """Removes whole collections only, or all of their images, so that no part passes for the whole."""

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime] = now) -> None:
        self._transactions = transactions.once()
        self._clock = clock

    def kinds(self, keep_images: timedelta, keep_results: timedelta) -> tuple[Kind[datetime], ...]:
        """What goes after how long."""
        return (
            Kind("images", aged(self._transactions, C.recorded_at, keep_images), self.remove_images),
            Kind("rows of collections", aged(self._transactions, C.recorded_at, keep_results), self.remove_collection),
        )

    async def remove_images(self, until: datetime) -> int | None:
        """Some images of the collection that has had images for the longest time; None: none since then or earlier.

        From the first of them on, the collection says that its images were removed, and takes no more.
        """
        old = select(C.beamline, C.id).where(C.images_since <= until, SETTLED).order_by(C.images_since).limit(1)
        if (key := await self._first(old)) is None:
            return None
        gone = {"images_removed_at": func.coalesce(C.images_removed_at, self._clock()), "unreported": false()}

        async def work(connection: AsyncConnection) -> int | None:
            claim = update(collections).where(_is(key), SETTLED).values(gone)
            if (await connection.execute(claim)).rowcount == 0:
                return None
            some = select(images.c.image).where(_of(images, key)).order_by(images.c.image)
            end = await connection.scalar(some.offset(BATCH).limit(1))
            unwanted = delete(images).where(_of(images, key))
            if end is None:
                await connection.execute(update(collections).where(_is(key)).values(images_since=None))
            else:
                unwanted = unwanted.where(images.c.image < end)
            return (await connection.execute(unwanted)).rowcount

        return await self._transactions.write(work)

    async def remove_collection(self, until: datetime) -> int | None:
        """Everything of the oldest collection of which nothing was recorded since then; None: there is none."""
        old = select(C.beamline, C.id).where(C.recorded_at <= until, SETTLED, _forgettable(until))
        if (key := await self._first(old.order_by(C.recorded_at).limit(1))) is None:
            return None

        async def work(connection: AsyncConnection) -> int | None:
            """The claim keeps others out; whether it is still old can be asked after it alone."""
            claim = update(collections).where(_is(key), SETTLED).values(unreported=false())
            await connection.execute(claim)
            if (await connection.execute(old.where(_is(key)))).first() is None:
                return None
            return await _remove_all(connection, key)

        return await self._transactions.write(work)

    async def _first(self, query: Any) -> Key | None:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
        async def work(connection: AsyncConnection) -> Key | None:
            row = (await connection.execute(query)).first()
            return (row.beamline, row.id) if row else None

        return await self._transactions.read(work)


def _is(key: Key) -> Any:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
    return and_(C.beamline == key[0], C.id == key[1])


def _of(table: Table, key: Key) -> Any:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
    return and_(table.c.beamline == key[0], table.c.collection_id == key[1])


def _forgettable(until: datetime) -> Any:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
    """Its images are gone, every grid result is said, and no result is younger."""
    runs, grids = processing_results.c, grid_results.c
    image = select(images.c.image).where(images.c.beamline == C.beamline, images.c.collection_id == C.id)
    run = select(runs.run_id).where(runs.beamline == C.beamline, runs.collection_id == C.id, runs.recorded_at > until)
    centred = select(grids.version).where(grids.beamline == C.beamline, grids.collection_id == C.id)
    young = centred.where(or_(grids.published_at.is_(None), grids.published_at > until))
    return and_(not_(image.exists()), not_(run.exists()), not_(young.exists()))


async def _remove_all(connection: AsyncConnection, key: Key) -> int:
    """Those that refer to others first; runs by name, since some databases read all shells otherwise."""
    runs = select(processing_results.c.run_id).where(_of(processing_results, key))
    run_ids = (await connection.scalars(runs)).all()
    statements = [
        delete(shells).where(shells.c.run_id.in_(run_ids)),
        *(delete(table).where(_of(table, key)) for table in (processing_results, crystals, grid_results)),
        delete(collections).where(_is(key)),
    ]
    removed: list[CursorResult[Any]] = [await connection.execute(statement) for statement in statements]
    return sum(result.rowcount for result in removed)

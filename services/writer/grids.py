"""The state of every grid scan, read from the record, and its results on their way out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, Table, and_, false, func, insert, select, true, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.writer.schema import collections, crystals, grid_results, images
from shared.messages import Collection, CollectionRef, GridResult, now
from shared.transactions import Transactions


@dataclass(frozen=True, slots=True)
class GridProgress:
    """How far a grid scan is.

    Attributes:
        n_images: images of the grid.
        n_found: images with a result.
        n_failed: images that could not be analysed.
        exposure_s: how long its images take, from first to last [s].
        deadline: the grid is not waited for any longer.
        version: of the latest grid result; 0 before the first.
        reported: images, found and failed, that the latest grid result knows.
        centred_at: when that was computed.
    """

    collection: CollectionRef
    n_images: int
    n_found: int
    n_failed: int
    exposure_s: float
    deadline: datetime
    traceparent: str | None
    version: int = 0
    reported: tuple[int, int] = (0, 0)
    centred_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether every image is either found or failed."""
        return self.n_found + self.n_failed == self.n_images

    @property
    def reports_news(self) -> bool:
        """Whether a result of this moment would say something new."""
        return self.version == 0 or self.reported != (self.n_found, self.n_failed)


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A grid result that stands in the database and must still be said."""

    result: GridResult
    traceparent: str | None


Counts = NDArray[np.int64]
Centre = Callable[[Collection, Counts, GridProgress], GridResult]


class Grids:
    """Grid scans of the record."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def open(self) -> list[GridProgress]:
        """Grids about which something may be said: accepted, and with images since their latest result."""

        async def work(connection: AsyncConnection) -> list[GridProgress]:
            rows = (await connection.execute(_open_grids())).mappings().all()
            return [await _progress(connection, row) for row in rows]

        return await self._transactions.read(work)

    async def report(self, ref: CollectionRef, centre: Centre) -> GridResult | None:
        """Write down what ``centre`` makes of a grid; None if another was faster, or if there is nothing new.

        The claim comes first: it locks the collection's row, and thereby keeps blocks of its images out.
        """

        async def work(connection: AsyncConnection) -> GridResult | None:
            claim = update(collections).where(_is(ref), collections.c.unreported == true()).values(unreported=false())
            if (await connection.execute(claim)).rowcount == 0:
                return None
            row = (await connection.execute(select(collections).where(_is(ref)))).mappings().one()
            progress = await _progress(connection, row)
            if not progress.reports_news:
                return None
            result = centre(Collection.model_validate(row["details"]), await _counts(connection, progress), progress)
            await _insert(connection, result)
            return result

        return await self._transactions.write(work)

    async def unpublished(self) -> list[Unpublished]:
        """Results that nobody has said yet; those of one grid in the order of their versions."""

        async def work(connection: AsyncConnection) -> list[Unpublished]:
            rows = (await connection.execute(_unpublished_results())).all()
            return [Unpublished(GridResult.model_validate(row.result), row.traceparent) for row in rows]

        return await self._transactions.read(work)

    async def mark_published(self, result: GridResult) -> None:
        """The broker has it."""
        said = grid_results.c.version == result.version
        statement = update(grid_results).where(_of(grid_results, result.collection), said).values(published_at=now())

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._transactions.write(work)


def _is(ref: CollectionRef) -> Any:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
    return and_(collections.c.beamline == ref.beamline, collections.c.id == ref.id)


def _of(table: Table, ref: CollectionRef) -> Any:  # noqa: ANN401 - SQLAlchemy's expression types say nothing more
    return and_(table.c.beamline == ref.beamline, table.c.collection_id == ref.id)


def _open_grids() -> Select[Any]:
    return select(collections).where(collections.c.unreported == true(), collections.c.experiment == "gridscan")


def _unpublished_results() -> Select[Any]:
    key = and_(collections.c.beamline == grid_results.c.beamline, collections.c.id == grid_results.c.collection_id)
    columns = select(grid_results.c.result, collections.c.traceparent).join(collections, key)
    unsaid = columns.where(grid_results.c.published_at.is_(None))
    return unsaid.order_by(grid_results.c.beamline, grid_results.c.collection_id, grid_results.c.version)


async def _progress(connection: AsyncConnection, row: RowMapping) -> GridProgress:
    """``row`` is that of an accepted collection."""
    ref = CollectionRef(beamline=row["beamline"], visit=row["visit"], id=row["id"])
    counted = select(func.count(), func.count(images.c.failure)).where(
        _of(images, ref), images.c.image < row["number_of_images"]
    )
    n_recorded, n_failed = (await connection.execute(counted)).one()
    latest = select(grid_results).where(_of(grid_results, ref)).order_by(grid_results.c.version.desc()).limit(1)
    last = (await connection.execute(latest)).one_or_none()
    return GridProgress(
        ref,
        row["number_of_images"],
        n_recorded - n_failed,
        n_failed,
        row["number_of_images"] * row["details"]["exposure_s"],
        row["deadline"],
        row["traceparent"],
        *((last.version, (last.n_found, last.n_failed), last.centred_at) if last else ()),
    )


async def _counts(connection: AsyncConnection, progress: GridProgress) -> Counts:
    """Spots per image in collection order, shape (n_images,); 0 where there is no result."""
    found = select(images.c.image, images.c.n_spots_total).where(
        _of(images, progress.collection), images.c.image < progress.n_images, images.c.failure.is_(None)
    )
    counts = np.zeros(progress.n_images, np.int64)
    for image, n_spots_total in await connection.execute(found):
        counts[image] = n_spots_total
    return counts


async def _insert(connection: AsyncConnection, result: GridResult) -> None:
    key = {
        "beamline": result.collection.beamline,
        "collection_id": result.collection.id,
        "version": result.version,
    }
    said = result.model_dump(include={"status", "outcome", "n_found", "n_failed", "centred_at"})
    message = result.model_dump(mode="json", exclude_none=True)
    await connection.execute(insert(grid_results), [key | said | {"result": message}])
    if result.crystals:
        rows = [key | _crystal(rank, result) for rank in range(1, len(result.crystals) + 1)]
        await connection.execute(insert(crystals), rows)


def _crystal(rank: int, result: GridResult) -> dict[str, float]:
    crystal = result.crystals[rank - 1]
    (x0, y0), (x1, y1) = crystal.bounding_box
    columns = ("centre_x", "centre_y", "max_voxel_x", "max_voxel_y", "x0", "y0", "x1", "y1")
    numbers = (*crystal.centre_of_mass, *crystal.max_voxel, x0, y0, x1, y1)
    said = crystal.model_dump(include={"max_count", "n_voxels", "total_count"})
    return {"rank": rank, **dict(zip(columns, numbers, strict=True)), **said}

"""What every message leaves in the database: each once, however often it comes, in whatever order."""

import logging
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, bindparam, case, false, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.writer.schema import collections, images, processing_results, shells
from services.writer.upsert import Incoming, insert_once, upsert
from shared.clock import Deadlines
from shared.messages import (
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    ImageFailure,
    ImageSpots,
    ProcessingResult,
    SpotsFound,
)
from shared.transactions import Transactions

log = logging.getLogger(__name__)
Row = dict[str, Any]
SPOT_COLUMNS = [name for name in ImageSpots.model_fields if name != "image"]
IS_NAMED = (collections.c.beamline == bindparam("beamline"), collections.c.id == bindparam("id"))
N_RECORDED = select(
    select(func.count())
    .where(images.c.beamline == collections.c.beamline, images.c.collection_id == collections.c.id)
    .where(images.c.image < collections.c.number_of_images)
    .scalar_subquery(),
    collections.c.number_of_images,
    collections.c.images_removed_at,
).where(*IS_NAMED)
NONE_COUNTED = select(literal(0), collections.c.number_of_images, collections.c.images_removed_at).where(*IS_NAMED)
"""The same of a rotation, whose images nobody waits for: counting them at each block would cost more with each."""
CELL_COLUMNS = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


class _GoneError(Exception):
    """The images of a collection were removed."""


class Record:
    """Writes messages down. A row's first writing stands, except that a failed image may still be found.

    Attributes:
        deadline_s: a grid is waited for so long after its last image was due [s], counted from when its announcement
            came here: the ingester's clock is another.
        keep: collections are forgotten after so long; None: never.
    """

    def __init__(
        self,
        transactions: Transactions,
        deadline_s: float,
        keep: timedelta | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._transactions = transactions
        self._deadlines = deadlines or Deadlines()
        self.deadline_s = deadline_s
        self.keep = keep

    async def accept(self, message: CollectionAccepted, traceparent: str | None) -> None:
        """A collection has begun; not one that is forgotten by now, which would be taken for new and centred."""
        collection = message.collection
        if self.keep and message.answered_at < self._deadlines.clock.now() - self.keep:
            said = f"{message.answered_at:%Y-%m-%d}: too long ago to be recorded"
            log.warning(f"collection {collection.ref} was accepted on {said}")
            return
        wait_s = collection.number_of_images * collection.exposure_s + self.deadline_s
        deadline = self._deadlines.agree(str(collection.ref), wait_s)
        row = {**self._named(collection.ref, traceparent), **_accepted(message), "deadline": deadline}
        await self._transactions.write(lambda connection: self._know(connection, row))

    async def end(self, message: CollectionEnded, traceparent: str | None) -> None:
        """A collection has ended, perhaps before it is known to have begun."""
        wait_s = 0 if message.outcome == "aborted" else self.deadline_s
        row = {
            **self._named(message.collection, traceparent),
            "ended_at": message.answered_at,
            "outcome": message.outcome,
            "deadline": self._deadlines.agree(str(message.collection), wait_s),
        }
        await self._transactions.write(lambda connection: self._know(connection, row))

    async def add_spots(self, message: SpotsFound, traceparent: str | None) -> bool:
        """A block of images, perhaps of a collection not known yet; returns whether they make a grid's record whole.

        Of a collection whose images were removed no more are taken: a part of them would pass for what there is.
        """
        ref, dialect, of_grid = message.collection, self._transactions.dialect, message.experiment == "gridscan"
        key, named = {"beamline": ref.beamline, "id": ref.id}, self._named(ref, traceparent)
        failed = [_image(message, image) for image in message.failed]
        found = [_image(message, image) for image in message.found]

        async def work(connection: AsyncConnection) -> bool:
            await self._know(connection, {**named, "unreported": of_grid, "images_since": named["recorded_at"]})
            if failed:
                await connection.execute(_failures(dialect), failed)
            if found:
                await connection.execute(_findings(dialect), found)
            asked = N_RECORDED if of_grid else NONE_COUNTED
            n_recorded, n_images, gone_at = (await connection.execute(asked, key)).one()
            if gone_at:
                raise _GoneError(f"images of collection {ref} came after they were removed on {gone_at:%Y-%m-%d}")
            return bool(of_grid and n_recorded == n_images)

        try:
            return await self._transactions.write(work)
        except _GoneError as gone:
            log.warning("%s", gone)
            return False

    async def add_processing(self, result: ProcessingResult, traceparent: str | None) -> datetime:
        """The end of a run; returns when it was first recorded."""
        recorded_at = self._deadlines.clock.now()
        when = select(processing_results.c.recorded_at).where(processing_results.c.run_id == result.run.run_id)

        async def work(connection: AsyncConnection) -> datetime:
            known = {**self._named(result.run.collection, traceparent), "unreported": False}
            await self._once(connection, collections, [known])
            known_at: datetime | None = await connection.scalar(when)
            if known_at:
                return known_at
            await self._once(connection, processing_results, [_run(result, recorded_at, traceparent)])
            first = await connection.scalar(when)  # another writer's may have come in between
            if first == recorded_at and (rows := _shells(result)):
                await self._once(connection, shells, rows)
            return first or recorded_at

        return await self._transactions.write(work)

    async def _know(self, connection: AsyncConnection, row: Row) -> None:
        await connection.execute(_knowing(self._transactions.dialect, tuple(row)), row)

    async def _once(self, connection: AsyncConnection, table: Table, rows: list[Row]) -> None:
        await connection.execute(insert_once(self._transactions.dialect, table), rows)

    def _named(self, ref: CollectionRef, traceparent: str | None) -> Row:
        return {
            "beamline": ref.beamline,
            "id": ref.id,
            "visit": ref.visit,
            "traceparent": traceparent,
            "unreported": True,
            "recorded_at": self._deadlines.clock.now(),
        }


def _accepted(message: CollectionAccepted) -> Row:
    collection = message.collection
    return {
        "experiment": collection.experiment,
        "unreported": collection.experiment == "gridscan",
        "details": collection.model_dump(mode="json", exclude_none=True),
        "number_of_images": collection.number_of_images,
        "announced_at": message.announced_at,
        "accepted_at": message.answered_at,
    }


@cache
def _knowing(dialect: str, columns: tuple[str, ...]) -> Insert:
    """Fill in what was not known of a collection, keep what was. The earlier deadline counts.

    Rotations owe nothing, nor do collections whose images were removed; those have none again.
    """
    known = collections.c

    def changes(new: Incoming) -> dict[str, ColumnElement[Any]]:
        filled: dict[str, ColumnElement[Any]] = {
            name: func.coalesce(known[name], new[name]) for name in columns if name not in {"beamline", "id"}
        }
        if "deadline" in columns:
            earlier = or_(known.deadline.is_(None), new["deadline"] < known.deadline)
            filled["deadline"] = case((earlier, new["deadline"]), else_=known.deadline)
        gone = known.images_removed_at.is_not(None)
        if "images_since" in columns:
            filled["images_since"] = case((gone, known.images_since), else_=filled["images_since"])
        owed = case((known.experiment == "rotation", false()), (gone, false()), else_=new["unreported"])
        return filled | {"unreported": owed}

    return upsert(dialect, collections, changes)


@cache
def _findings(dialect: str) -> Insert:
    """An existing failure gives way; the failure itself comes last, since the other columns ask for it."""
    columns = [*SPOT_COLUMNS, "found_at", "failure"]
    failed = images.c.failure.is_not(None)
    return upsert(dialect, images, lambda new: {n: case((failed, new[n]), else_=images.c[n]) for n in columns})


@cache
def _failures(dialect: str) -> Insert:
    """Whatever is known of the image is better."""
    return insert_once(dialect, images)


def _image(message: SpotsFound, image: ImageSpots | ImageFailure) -> Row:
    row: Row = {
        "beamline": message.collection.beamline,
        "collection_id": message.collection.id,
        "found_at": message.found_at,
        "image": image.image,
    }
    if isinstance(image, ImageFailure):
        return row | {"failure": image.reason}
    return row | {"failure": None} | image.model_dump()


def _run(result: ProcessingResult, recorded_at: datetime, traceparent: str | None) -> Row:
    cell = result.reduction.unit_cell or (None,) * len(CELL_COLUMNS)
    return {
        "run_id": result.run.run_id,
        "beamline": result.run.collection.beamline,
        "collection_id": result.run.collection.id,
        "pipeline": result.run.pipeline,
        "family": result.family,
        "attempt": result.run.attempt,
        "state": result.state.value,
        "reason": result.reason,
        "space_group": result.reduction.space_group,
        **dict(zip(CELL_COLUMNS, cell, strict=True)),
        "n_spots": result.reduction.n_spots,
        "n_indexed": result.reduction.n_indexed,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "recorded_at": recorded_at,
        "result": result.model_dump(mode="json", exclude_none=True),
        "traceparent": traceparent,
    }


def _shells(result: ProcessingResult) -> list[Row]:
    return [{"run_id": result.run.run_id, **shell.model_dump()} for shell in result.reduction.shells]

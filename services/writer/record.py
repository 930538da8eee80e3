"""What every message leaves in the database: each once, however often it comes, in whatever order."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.writer.schema import collections, images, processing_results, shells
from services.writer.transactions import Transactions
from services.writer.upsert import Incoming, insert_once, upsert
from shared.messages import (
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    ImageFailure,
    ImageSpots,
    ProcessingResult,
    SpotsFound,
    now,
)

Row = dict[str, Any]
SPOT_COLUMNS = [name for name in ImageSpots.model_fields if name != "image"]
CELL_COLUMNS = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


class Record:
    """Writes messages down. A row's first writing stands, except that a failed image may still be found.

    Attributes:
        deadline_s: a grid is waited for so long after its last image was due [s].
    """

    def __init__(self, transactions: Transactions, deadline_s: float) -> None:
        self._transactions = transactions
        self.deadline_s = deadline_s

    async def accept(self, message: CollectionAccepted, traceparent: str | None) -> None:
        """A collection has begun."""
        row = {**_named(message.collection.ref, traceparent), **_accepted(message, self.deadline_s)}
        await self._transactions.write(lambda connection: self._know(connection, row))

    async def end(self, message: CollectionEnded, traceparent: str | None) -> None:
        """A collection has ended, perhaps before it is known to have begun."""
        wait_s = 0 if message.outcome == "aborted" else self.deadline_s
        row = {
            **_named(message.collection, traceparent),
            "ended_at": message.answered_at,
            "outcome": message.outcome,
            "deadline": message.answered_at + timedelta(seconds=wait_s),
        }
        await self._transactions.write(lambda connection: self._know(connection, row))

    async def add_spots(self, message: SpotsFound, traceparent: str | None) -> None:
        """A block of images, perhaps of a collection that is not known yet; an image's result replaces its failure."""

        async def work(connection: AsyncConnection) -> None:
            await self._know(connection, _named(message.collection, traceparent))
            if message.failed:
                failed = insert_once(self._transactions.dialect, images)
                await connection.execute(failed, [_image(message, image) for image in message.failed])
            if message.found:
                found = upsert(self._transactions.dialect, images, _unless_found)
                await connection.execute(found, [_image(message, image) for image in message.found])

        await self._transactions.write(work)

    async def add_processing(self, result: ProcessingResult, traceparent: str | None) -> datetime:
        """The end of a run; returns when it was first recorded."""
        recorded_at = now()

        async def work(connection: AsyncConnection) -> datetime:
            known = {**_named(result.run.collection, traceparent), "unreported": False}
            await self._once(connection, collections, [known])
            await self._once(connection, processing_results, [_run(result, recorded_at, traceparent)])
            first = await connection.scalar(
                select(processing_results.c.recorded_at).where(processing_results.c.run_id == result.run.run_id)
            )
            if first == recorded_at and (rows := _shells(result)):
                await self._once(connection, shells, rows)
            return first or recorded_at

        return await self._transactions.write(work)

    async def _know(self, connection: AsyncConnection, row: Row) -> None:
        statement = upsert(self._transactions.dialect, collections, lambda new: _completed(new, row))
        await connection.execute(statement, row)

    async def _once(self, connection: AsyncConnection, table: Table, rows: list[Row]) -> None:
        await connection.execute(insert_once(self._transactions.dialect, table), rows)


def _named(ref: CollectionRef, traceparent: str | None) -> Row:
    return {
        "beamline": ref.beamline,
        "id": ref.id,
        "visit": ref.visit,
        "traceparent": traceparent,
        "unreported": True,
    }


def _accepted(message: CollectionAccepted, deadline_s: float) -> Row:
    collection = message.collection
    last_image_s = collection.number_of_images * collection.exposure_s
    return {
        "experiment": collection.experiment,
        "details": collection.model_dump(mode="json", exclude_none=True),
        "number_of_images": collection.number_of_images,
        "announced_at": message.announced_at,
        "accepted_at": message.answered_at,
        "deadline": message.answered_at + timedelta(seconds=last_image_s + deadline_s),
    }


def _completed(new: Incoming, row: Row) -> Mapping[str, ColumnElement[Any]]:
    """Fill in what was not known, keep what was; the earlier deadline counts."""
    known = collections.c
    changes: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(known[name], new[name]) for name in row if name not in {"beamline", "id", "unreported"}
    }
    if "deadline" in row:
        earlier = or_(known.deadline.is_(None), new["deadline"] < known.deadline)
        changes["deadline"] = case((earlier, new["deadline"]), else_=known.deadline)
    return changes | {"unreported": new["unreported"]}


def _unless_found(new: Incoming) -> Mapping[str, ColumnElement[Any]]:
    """An existing failure gives way; the failure itself comes last, since the others ask for it."""
    columns = [*SPOT_COLUMNS, "found_at", "failure"]
    return {name: case((images.c.failure.is_not(None), new[name]), else_=images.c[name]) for name in columns}


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

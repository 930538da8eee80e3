"""What is old is removed: a few rows at a time, behind the service's own work, and with distrust of the clock."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import anyio
from sqlalchemy import Column, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messages import now
from shared.transactions import Transactions

T = TypeVar("T")
log = logging.getLogger(__name__)
DAY = timedelta(days=1)
BATCH = 500
"""Rows that one transaction removes, about."""
INTERVAL_S = 3600.0
SHORTEST_PAUSE_S = 0.05
PAUSES_PER_BATCH = 4
"""After a batch comes a pause of so many times its length: four fifths of the time belong to the service's own work."""
Limit = Callable[[datetime], Awaitable[T | None]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Kind(Generic[T]):
    """Rows that go one day.

    Attributes:
        name: what they are, in the plural, for the log.
        limit: from the present moment to where the rows that may go end, such as the newest's moment; None: all stay.
        remove: removes about ``BATCH`` rows at most of those within the limit, in one transaction; returns how many.
            None: there were no more.
    """

    name: str
    limit: Limit[T]
    remove: Callable[[T], Awaitable[int | None]]


def aged(transactions: Transactions, moment: Column[datetime], keep: timedelta) -> Limit[datetime]:
    """The limit of rows that go by their age, as ``limit_by_age`` has it.

    Args:
        transactions: on the database of the rows.
        moment: when a row was made; indexed.
        keep: the least age of a row that goes.
    """

    async def limit(at: datetime) -> datetime | None:
        async def work(connection: AsyncConnection) -> datetime | None:
            async def newest(until: datetime) -> datetime | None:
                found: datetime | None = await connection.scalar(select(func.max(moment)).where(moment <= until))
                return found

            return await limit_by_age(newest, at, keep)

        return await transactions.read(work)

    return limit


async def limit_by_age(newest: Limit[datetime], at: datetime, keep: timedelta) -> datetime | None:
    """The newest moment before which, days without a row not counted, lie rows of ``keep`` and a day to be safe.

    A clock that jumps ahead makes no rows for the time that it leaves out. So however far it jumps, the jump counts as
    a day at most, which is the day to be safe; of rows from the future nothing is concluded.

    Args:
        newest: gives the moment of the newest row that is not newer than a moment.
        at: the present moment, as far as is known.
        keep: the least age of a row that goes.
    """
    n_days, rest = divmod(keep + DAY, DAY)
    reached = await newest(at)
    for _ in range(n_days):
        if reached is None:
            return None
        reached = await newest(reached - DAY)
    return reached and reached - rest


async def tidy_for_ever(kinds: Sequence[Kind[Any]], clock: Callable[[], datetime] = now) -> None:
    """Remove what is old now and every hour."""
    while True:
        await tidy(kinds, clock())
        await anyio.sleep(INTERVAL_S)


async def tidy(kinds: Sequence[Kind[Any]], at: datetime, pause: Pause = anyio.sleep) -> None:
    """Remove what is old at a moment; a database that is away or full has time until the next round."""
    for kind in kinds:
        try:
            if n_removed := await _remove(kind, at, pause):
                log.info("removed %d %s", n_removed, kind.name)
        except (SQLAlchemyError, OSError) as fault:
            log.warning("old %s stay until the next round: %s", kind.name, fault)


async def _remove(kind: Kind[Any], at: datetime, pause: Pause) -> int:
    n_removed = 0
    if (limit := await kind.limit(at)) is None:
        return n_removed
    while True:
        began_s = anyio.current_time()
        n_rows = await kind.remove(limit)
        if n_rows is None:
            return n_removed
        n_removed += n_rows
        await pause(max(SHORTEST_PAUSE_S, PAUSES_PER_BATCH * (anyio.current_time() - began_s)))

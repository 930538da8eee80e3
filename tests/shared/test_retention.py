"""Removal: what is old by the rows' own testimony, in small batches, whatever the clock or the database does."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from hypothesis import given, strategies as st
from sqlalchemy.exc import OperationalError

from shared.retention import DAY, PAUSES_PER_BATCH, SHORTEST_PAUSE_S, Kind, limit_by_age, tidy, tidy_for_ever

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
hours = st.floats(0, 40 * 24, allow_nan=False).map(lambda n: timedelta(hours=n))


def limit_of(moments, at, keep):
    async def newest(until):
        return max((moment for moment in moments if moment <= until), default=None)

    return anyio.run(limit_by_age, newest, at, keep)


@given(ages=st.lists(hours, max_size=60), keep=hours)
def test_nothing_goes_before_its_time(ages, keep):
    limit = limit_of([NOON - age for age in ages], NOON, keep)
    assert limit is None or limit <= NOON - keep


@given(
    true_ages=st.lists(hours, min_size=1, max_size=60),
    jump=st.floats(-1, 400).map(lambda days: timedelta(days=days)),
    since=hours,
    keep=hours,
    mended=st.booleans(),
)
def test_nothing_goes_before_its_time_although_the_clock_jumped(true_ages, jump, since, keep, mended):
    """Ahead by any time, back by a day at most; all rows since then are dated by the wrong clock."""
    stamps = {age: NOON - age + (jump if age < since else timedelta()) for age in true_ages}
    limit = limit_of(list(stamps.values()), NOON if mended else NOON + jump, keep)
    gone = [age for age, stamp in stamps.items() if limit and stamp <= limit]
    assert all(age >= keep for age in gone)


@pytest.mark.parametrize("rows_a_day", [1, 7, 300])
def test_what_is_two_days_older_than_it_has_to_be_is_gone_where_there_is_work_every_day(rows_a_day):
    moments = [NOON - n * DAY / rows_a_day for n in range(30 * rows_a_day)]
    limit = limit_of(moments, NOON, timedelta(days=7))
    assert NOON - timedelta(days=9) <= limit <= NOON - timedelta(days=7)


def test_a_beamline_that_rests_loses_nothing():
    moments = [NOON - n * DAY for n in range(7)]
    assert limit_of(moments, NOON + timedelta(days=300), timedelta(days=7)) is None


class Rows:
    """Rows that can be removed, and a pause that does not wait."""

    def __init__(self, n_rows, batch=3, fault=None):
        self.n_rows, self.batch, self.fault = n_rows, batch, fault
        self.pauses = []
        self.kind = Kind("rows", self.limit, self.remove)

    async def limit(self, at):
        return at

    async def remove(self, limit):
        if self.fault:
            raise self.fault
        n_removed = min(self.batch, self.n_rows)
        self.n_rows -= n_removed
        await anyio.sleep(0.02)
        return n_removed or None

    async def pause(self, seconds):
        self.pauses.append(seconds)


async def test_batches_go_until_nothing_is_left_and_most_of_the_time_is_left_to_others():
    rows = Rows(10)
    await tidy([rows.kind], NOON, rows.pause)
    assert rows.n_rows == 0
    assert len(rows.pauses) == 4
    assert min(rows.pauses) >= max(SHORTEST_PAUSE_S, PAUSES_PER_BATCH * 0.02)


@pytest.mark.parametrize(
    "fault",
    [OperationalError("DELETE", {}, Exception("disk full")), ConnectionRefusedError("no server"), TimeoutError()],
)
async def test_what_cannot_be_removed_does_not_keep_the_rest_from_going(fault, caplog):
    broken, good = Rows(5, fault=fault), Rows(5)
    await tidy([broken.kind, good.kind], NOON, good.pause)
    assert (broken.n_rows, good.n_rows) == (5, 0)
    assert "old rows stay until the next round" in caplog.text

    broken.fault = None
    await tidy([broken.kind], NOON, broken.pause)
    assert broken.n_rows == 0


async def test_a_service_whose_database_is_away_goes_on():
    broken = Rows(5, fault=ConnectionRefusedError("no server"))
    with anyio.move_on_after(0.2) as alive:
        await tidy_for_ever([broken.kind])
    assert alive.cancelled_caught

"""Moments at which calendars and clocks do something odd."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import strategies as st

ODD = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # in Europe an hour is left out
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and comes twice
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2028, 3, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2017, 1, 1, tzinfo=UTC),  # after a leap second
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),  # 2^31 s since 1970
)
moments = st.builds(
    lambda odd, apart: odd + apart, st.sampled_from(ODD), st.timedeltas(timedelta(hours=-26), timedelta(hours=26))
)
zones = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
ZONES = ("Europe/London", "Europe/Berlin", "America/Chicago", "Australia/Melbourne", "Asia/Tokyo", "UTC")


@contextmanager
def living_in(zone: str) -> Iterator[None]:
    """This process's local time is that of a zone."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()

"""Midnight, daylight saving, leap day and year's end, wherever moments are read, written and shown."""

import logging
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from cli.reprocess import _chosen
from services.aggregator.web.formats import local, utc
from services.ingester.gda import UnusableAnnouncementError, read_event
from shared.logs import JsonLines
from tests.announcements import GRIDSCAN
from tests.calendar import ZONES, living_in, moments, zones

few = settings(max_examples=25)


def announced(text: str) -> datetime | None:
    return read_event(orjson.dumps({**GRIDSCAN, "visit_directory": "/data", "announced_at": text})).announced_at


@given(moments, zones)
def test_an_announcement_names_one_moment_in_whatever_zone(moment, zone):
    assert announced(moment.astimezone(zone).isoformat()) == moment


@given(moments)
def test_a_time_without_its_zone_is_refused_at_every_hour_not_only_at_the_one_that_comes_twice(moment):
    with pytest.raises(UnusableAnnouncementError, match="announced_at: Input should have timezone info"):
        announced(moment.replace(tzinfo=None).isoformat())


@pytest.mark.parametrize("zone", ZONES)
@few
@given(moment=moments, seconds=st.integers(1, 12 * 3600))
def test_two_moments_of_a_day_never_look_the_same_on_the_page(zone, moment, seconds):
    with living_in(zone):
        assert local(moment) != local(moment + timedelta(seconds=seconds))
        assert utc(moment).startswith(f"{moment:%Y-%m-%d %H:%M:%S}.")


def test_the_hour_that_comes_twice_is_shown_with_its_zone_and_no_other():
    with living_in("Europe/London"):
        shown = [local(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in range(3)]

    assert shown == ["25 Oct 01:30:00 BST", "25 Oct 01:30:00 GMT", "25 Oct 02:30:00"]


@pytest.mark.parametrize("zone", ZONES)
@few
@given(moment=moments)
def test_logs_are_in_utc_wherever_they_are_written(zone, moment):
    record = logging.LogRecord("services.writer", logging.INFO, __file__, 1, "words", None, None)
    record.created = moment.timestamp()
    with living_in(zone):
        time = orjson.loads(JsonLines("writer").format(record))["time"]

    assert abs(datetime.fromisoformat(time) - moment) < timedelta(milliseconds=1)


class Asked:
    """Collections of which nothing is known; remembers between which moments it was asked for them."""

    def rotations(self, visit, since, until):
        self.since, self.until = since, until
        return []


@pytest.mark.parametrize("zone", ZONES)
@few
@given(moment=moments)
def test_a_span_of_local_time_holds_all_that_was_announced_in_it(zone, moment):
    known = Asked()
    with living_in(zone):
        face = moment.astimezone().replace(tzinfo=None, fold=0)
        _chosen(known, None, None, face, face + timedelta(microseconds=1))

    assert known.since <= moment < known.until

"""A grid is waited for as long as was agreed, and centred once, whatever happens to the writer's clock meanwhile."""

from datetime import timedelta

import pytest

from services.writer.grids import Grids
from services.writer.publisher import Bell, Publisher
from shared.bus import BrokerError
from shared.clock import Deadlines
from shared.memory import MemoryBus
from tests.clocks import DAY, EVENTS, HOUR
from tests.results import DEADLINE_S, EXPOSURE_S, REF, accepted, ended, found
from tests.writer.conftest import Writer

DUE_S = 12 * EXPOSURE_S + DEADLINE_S
every_event = pytest.mark.parametrize("happen", EVENTS.values(), ids=EVENTS.keys())


class Refusing(MemoryBus):
    """A broker that is full."""

    async def publish(self, message):
        raise BrokerError("the store is full")


@pytest.fixture
def writer(sqlite):
    """One kind of database is enough: none of them is asked for the time."""
    return Writer(sqlite)


@every_event
async def test_a_grid_is_partial_when_its_time_was_waited_and_not_before(writer, happen):
    await writer.record.accept(accepted(), None)
    happen(writer.machine)
    await writer.record.add_spots(found(range(6)), None)
    await writer.publisher.look()
    writer.machine.pass_(10)
    happen(writer.machine)
    await writer.publisher.look()
    writer.machine.pass_(DUE_S - 14)
    await writer.publisher.look()
    assert writer.said == []

    writer.machine.pass_(5)
    await writer.publisher.look()
    await writer.publisher.look()
    assert [(result.status, result.n_found) for result in writer.said] == [("partial", 6)]


@every_event
async def test_a_grid_that_becomes_whole_is_centred_once(writer, happen):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(6)), None)
    await writer.publisher.look()
    happen(writer.machine)
    await writer.publisher.look()
    await writer.record.add_spots(found(range(6, 12)), None)
    for _ in range(3):
        await writer.publisher.look()
        writer.machine.pass_(1)

    assert [(result.status, result.n_found) for result in writer.said] == [("whole", 12)]


@every_event
async def test_late_images_amend_the_result_within_seconds(writer, happen):
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    await writer.record.add_spots(found(range(6)), None)
    await writer.publisher.look()
    happen(writer.machine)
    await writer.record.add_spots(found(range(6, 12)), None)
    writer.machine.pass_(2)
    await writer.publisher.look()

    assert [(result.version, result.status) for result in writer.said] == [(1, "partial"), (2, "amended")]


@every_event
async def test_a_writer_that_was_deaf_hears_what_waits_in_the_queues_first(writer, happen):
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    publisher = Publisher(
        writer.bus, writer.grids, Bell(), catch_up_s=5, deadline_s=DEADLINE_S, deadlines=Deadlines(writer.clock)
    )
    await publisher.look()
    happen(writer.machine)
    await publisher.look()
    assert writer.said == []
    writer.machine.pass_(6)
    await publisher.look()
    assert [result.status for result in writer.said] == ["partial"]


@pytest.mark.parametrize("apart_s", [-DAY, -HOUR, -60, 60, DAY], ids=str)
async def test_the_ingester_may_have_another_clock(writer, apart_s):
    start = accepted()
    there = start.answered_at + timedelta(seconds=apart_s)
    await writer.record.accept(start.model_copy(update={"answered_at": there}), None)
    writer.machine.pass_(DUE_S - 2)
    await writer.publisher.look()
    assert writer.said == []
    writer.machine.pass_(2)
    await writer.publisher.look()
    assert [result.status for result in writer.said] == ["partial"]


@pytest.mark.parametrize("apart_s", [-DAY, 60], ids=str)
async def test_an_abort_by_another_clock_is_heeded_at_once(writer, apart_s):
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(7)), None)
    await writer.record.end(ended("aborted", at=writer.clock.now() + timedelta(seconds=apart_s)), None)
    await writer.publisher.look()
    assert [(result.status, result.n_found) for result in writer.said] == [("partial", 7)]


async def test_a_clock_put_right_while_the_writer_was_down_does_not_put_the_deadline_off_by_a_day(writer):
    writer.machine.put(DAY)
    await writer.record.accept(accepted(), None)
    writer.machine.put(-DAY)
    restarted = Publisher(
        writer.bus, Grids(writer.transactions), Bell(), deadline_s=DEADLINE_S, deadlines=Deadlines(writer.clock)
    )
    await restarted.look()
    writer.machine.pass_(DUE_S + 1)
    await restarted.look()
    assert [result.status for result in writer.said] == ["partial"]


async def test_versions_are_said_in_their_order_although_the_clock_was_put_back_between_them(writer):
    await writer.record.accept(accepted(), None)
    writer.machine.pass_(DUE_S)
    publisher = Publisher(
        Refusing("writer"), writer.grids, Bell(), amend_interval_s=0, deadlines=Deadlines(writer.clock)
    )
    await publisher.look()
    writer.machine.put(-HOUR)
    await writer.record.add_spots(found(range(12)), None)
    await publisher.look()

    left = await writer.grids.unpublished()

    assert [(each.result.collection, each.result.version) for each in left] == [(REF, 1), (REF, 2)]
    assert left[0].result.centred_at > left[1].result.centred_at

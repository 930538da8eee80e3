"""The writer on the in-memory broker: wired as in earnest."""

from contextlib import asynccontextmanager

import anyio
import pytest

from services.writer.__main__ import write_results
from services.writer.schema import images, processing_results
from services.writer.settings import Settings
from shared.memory import MemoryBroker, MemoryBus
from shared.messages import GridResult, MessageDeadLettered, ProcessingRecorded, now
from shared.pulse import Pulse
from shared.service import Member
from tests.results import accepted, ended, found, processed

SETTINGS = Settings(look_interval_s=60, catch_up_s=0)  # the publisher is woken, or the tests time out
ACCEPTED = accepted(exposure_s=1000).model_copy(update={"answered_at": now()})


@asynccontextmanager
async def running(engine, broker, settings=SETTINGS):
    async with anyio.create_task_group() as tasks:
        member = Member(MemoryBus("writer", broker, settings.topology), Pulse("writer"), tasks)
        await write_results(member, engine, settings)
        yield member
        tasks.cancel_scope.cancel()


async def until_said(broker, kind, n=1):
    with anyio.fail_after(5):
        while sum(isinstance(message, kind) for message in broker.sent) < n:
            await anyio.sleep(0.001)
    return [message for message in broker.sent if isinstance(message, kind)]


async def test_a_grid_scan_from_its_start_to_its_result(engine):
    broker = MemoryBroker()
    async with running(engine, broker) as member:
        send = lambda message: broker.send(SETTINGS.topology, message)  # noqa: E731 - three words in every line below
        send(ACCEPTED)
        for first in (0, 4, 8):
            send(found(range(first, first + 4)))
        (result,) = await until_said(broker, GridResult)
        send(ended())
        with anyio.fail_after(5):
            while len(member.bus.settled) < 5:
                await anyio.sleep(0.001)
    assert result.status == "whole"
    assert [GridResult.model_validate_json(d.body) for d in broker.queues["/queue/xrc.i03"]] == [result]
    assert member.bus.dead == []


async def test_the_end_wakes_the_publisher(engine):
    broker = MemoryBroker()
    async with running(engine, broker):
        broker.send(SETTINGS.topology, ACCEPTED)
        broker.send(SETTINGS.topology, ended("aborted"))
        (result,) = await until_said(broker, GridResult)
    assert result.status == "partial"


async def test_in_shadow_mode_the_beamline_hears_nothing(engine):
    broker, settings = MemoryBroker(), Settings(mode="shadow", look_interval_s=60)
    async with running(engine, broker, settings):
        broker.send(settings.topology, ACCEPTED)
        broker.send(settings.topology, found(range(12)))
        (result,) = await until_said(broker, GridResult)
    assert result.shadow
    assert not broker.queues["/queue/xrc.i03"]


@pytest.mark.parametrize("family", ["dials", "xia2", "fast_dp", "autoPROC"])
async def test_results_of_every_pipeline_family_are_recorded(engine, writer, family):
    broker = MemoryBroker()
    async with running(engine, broker):
        broker.send(SETTINGS.topology, processed(family=family))
        (recorded,) = await until_said(broker, ProcessingRecorded)
    assert recorded.result.family == family
    assert [row["family"] for row in await writer.rows(processing_results)] == [family]


async def test_a_message_that_is_none_is_dead_lettered_and_the_next_is_recorded(engine, writer):
    broker = MemoryBroker()
    async with running(engine, broker):
        broker.put("/queue/Consumer.writer.VirtualTopic.SpotsFound", b'{"collection": "i03/42"}')
        broker.send(SETTINGS.topology, ACCEPTED)
        broker.send(SETTINGS.topology, found(range(12)))
        await until_said(broker, GridResult)
        (obituary,) = await until_said(broker, MessageDeadLettered)
    assert "collection" in obituary.reason
    assert len(await writer.rows(images)) == 12


@pytest.mark.parametrize("pause_s", [0, 0.001, 0.003, 0.01, 0.03])
async def test_a_writer_that_is_stopped_in_the_middle_goes_on_where_it_was(engine, pause_s):
    """What it had not settled, the broker delivers again."""
    broker = MemoryBroker()
    async with running(engine, broker):
        broker.send(SETTINGS.topology, ACCEPTED)
        broker.send(SETTINGS.topology, found(range(6)))
        await anyio.sleep(pause_s)
    async with running(engine, broker):
        broker.send(SETTINGS.topology, ACCEPTED)
        broker.send(SETTINGS.topology, found(range(6)))
        broker.send(SETTINGS.topology, found(range(6, 12)))
        results = await until_said(broker, GridResult)
    assert [(result.version, result.n_found) for result in results] == [(1, 12)]


def test_a_misspelt_setting_stops_the_writer():
    with pytest.raises(ValueError, match="dead_line_s"):
        Settings(dead_line_s=3)

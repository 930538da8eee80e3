"""The service loop: what is settled, what is dead-lettered, what is said about it."""

from collections.abc import AsyncIterator

import anyio
import pytest

from shared.bus import Delivery, StaleDeliveryError
from shared.memory import MemoryBus
from shared.messages import CollectionRef, FindSpots, Message, MessageDeadLettered, SpotsFound, now
from shared.pulse import Pulse
from shared.service import Inbox, Member, RefusedError, body_as, process

REF = CollectionRef(beamline="i03", visit="cm1-1", id=1)
BLOCK = FindSpots(collection=REF, master_file="/a.h5", first_image=0, n_images=1, deadline=now())
FOUND = SpotsFound(collection=REF, found_at=now(), analysis_ms=1)


async def answer(_: FindSpots) -> AsyncIterator[Message]:
    yield FOUND


async def fail(_: FindSpots) -> AsyncIterator[Message]:
    yield FOUND
    raise ValueError("this block is cursed")


async def refuse(_: FindSpots) -> AsyncIterator[Message]:
    raise RefusedError("not this one", FOUND)
    yield  # an async generator, as every handler


@pytest.fixture
def member():
    """Not running: `process` needs no task group."""
    return Member(MemoryBus("spotfinder"), Pulse("spotfinder"), None)


def inbox(handler):
    return Inbox("/queue/find-spots", body_as(FindSpots), handler, prefetch=1)


def said(member):
    return [type(message) for message in member.bus.broker.sent]


DELIVERY = Delivery(BLOCK.to_json(), {"message-id": "m1"}, "/queue/find-spots")


async def test_replies_are_said_and_the_delivery_is_settled(member):
    await process(member, DELIVERY, inbox(answer))
    assert member.bus.settled == [DELIVERY]
    assert said(member) == [SpotsFound]
    assert member.pulse.handled == 1


async def test_a_handler_that_fails_halfway_says_nothing_but_the_obituary(member):
    await process(member, DELIVERY, inbox(fail))
    assert said(member) == [MessageDeadLettered]
    (obituary,) = member.bus.broker.sent
    assert obituary.reason == "ValueError: this block is cursed"
    assert obituary.dead_letter_queue == "/queue/DLQ.find-spots"
    assert member.bus.dead == [(DELIVERY, "ValueError: this block is cursed")]


async def test_a_malformed_message_goes_to_the_dead_letter_queue_with_its_reason(member):
    await process(member, Delivery(b"{}", {"message-id": "m2"}, "/queue/find-spots"), inbox(answer))
    ((_, reason),) = member.bus.dead
    assert "collection" in reason
    assert member.pulse.rejected == 1


async def test_a_refusal_says_its_replies_and_dead_letters_the_message(member):
    await process(member, DELIVERY, inbox(refuse))
    assert said(member) == [SpotsFound, MessageDeadLettered]
    assert member.bus.dead == [(DELIVERY, "not this one")]


async def test_a_lost_connection_is_no_fault_of_the_message(member):
    class LosingBus(MemoryBus):
        async def settle(self, delivery, replies=()):
            raise StaleDeliveryError

    losing = Member(LosingBus("spotfinder"), member.pulse, member.tasks)
    await process(losing, DELIVERY, inbox(answer))
    assert losing.bus.dead == []
    assert member.pulse.handled == 0


async def test_listening_handles_what_arrives(member):
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await Member(member.bus, member.pulse, tasks).listen(inbox(answer))
            member.bus.broker.put("/queue/find-spots", BLOCK.to_json())
            while not member.bus.settled:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
    assert said(member) == [SpotsFound]


async def test_an_unknown_field_of_a_newer_producer_is_dropped(member):
    newer = BLOCK.to_json().replace(b'"master_file"', b'"priority":3,"master_file"')
    await process(member, Delivery(newer, {}, "/queue/find-spots"), inbox(answer))
    assert said(member) == [SpotsFound]

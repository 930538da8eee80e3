"""Grid scans overtake rotations in ActiveMQ's queues, except what a service has in hand already."""

from datetime import timedelta

import anyio
import pytest

from shared.bus import Delivery
from shared.messages import CollectionRef, Experiment, FindSpots, ProcessCollection, now
from shared.stomp import StompBus, connect
from tests.launcher.builders import request
from tests.stomp.words import take

pytestmark = pytest.mark.broker

IN_HAND = 16


def block(number: int, experiment: Experiment) -> FindSpots:
    ref = CollectionRef(beamline="i03", visit="cm12345-1", id=1 if experiment == "gridscan" else 2)
    deadline = now() + timedelta(minutes=5)
    return FindSpots(
        collection=ref, experiment=experiment, master_file="/m.h5", first_image=number, n_images=1, deadline=deadline
    )


async def announce(bus: StompBus, n_blocks: int, experiment: Experiment) -> None:
    """As many at once as the ingester sends in a transaction."""
    async with anyio.create_task_group() as tasks:
        for number in range(n_blocks):
            tasks.start_soon(bus.publish, block(number, experiment))


async def settled(bus: StompBus, delivery: Delivery) -> FindSpots:
    await bus.settle(delivery)
    return FindSpots.model_validate_json(delivery.body)


@pytest.mark.parametrize("n_rotation", [40, 1000], ids=["within a page", "beyond what the broker keeps in memory"])
async def test_blocks_of_a_grid_are_delivered_before_the_blocks_of_a_rotation_that_wait(broker, topology, n_rotation):
    source = topology.source(FindSpots, "spotfinder")
    async with connect("ingester", broker, topology) as bus:
        await announce(bus, n_rotation, "rotation")
        async with bus.subscribe(source, prefetch=IN_HAND) as deliveries:
            in_hand = [await take(deliveries) for _ in range(IN_HAND)]
            await announce(bus, 30, "gridscan")
            order = [await settled(bus, delivery) for delivery in in_hand]
            while len(order) < n_rotation + 30:
                order.append(await settled(bus, await take(deliveries)))

    expected = ["rotation"] * IN_HAND + ["gridscan"] * 30 + ["rotation"] * (n_rotation - IN_HAND)
    assert [each.experiment for each in order] == expected
    assert sorted(each.first_image for each in order if each.experiment == "gridscan") == list(range(30))


async def test_blocks_that_nobody_fetched_yet_are_delivered_by_priority_then_in_order(broker, topology):
    source = topology.source(FindSpots, "spotfinder")
    async with connect("ingester", broker, topology) as bus:
        for number in range(3):
            await bus.publish(block(number, "rotation"))
        for number in range(3):
            await bus.publish(block(number, "gridscan"))
        async with bus.subscribe(source, prefetch=IN_HAND) as deliveries:
            order = [await settled(bus, await take(deliveries)) for _ in range(6)]

    assert [each.experiment for each in order] == ["gridscan"] * 3 + ["rotation"] * 3
    assert [each.first_image for each in order] == [0, 1, 2, 0, 1, 2]


async def test_secondary_requests_in_hand_do_not_keep_a_primary_one_on_the_broker(broker, topology):
    primary, secondary = (
        topology.source(ProcessCollection, "launcher", urgency=urgency) for urgency in ("primary", "secondary")
    )
    async with connect("launcher", broker, topology) as bus:
        for attempt in range(1, 2 * IN_HAND):
            await bus.publish(request("/visit", attempt=attempt).model_copy(update={"urgency": "secondary"}))
        async with (
            bus.subscribe(secondary, prefetch=IN_HAND) as later,
            bus.subscribe(primary, prefetch=IN_HAND) as first,
        ):
            for _ in range(IN_HAND):
                await take(later)
            await bus.publish(request("/visit", attempt=99))
            delivery = await take(first)
    assert ProcessCollection.model_validate_json(delivery.body).attempt == 99

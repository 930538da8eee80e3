"""Durable subscriptions to a topic, on a real ActiveMQ."""

from functools import partial

import pytest

from shared.stomp import connect
from tests.stomp.words import take

pytestmark = pytest.mark.broker


async def test_a_durable_subscriber_gets_what_was_said_while_it_was_away(broker, topology):
    topic = f"/topic/{topology.prefix}news"
    name = f"listener-{topology.prefix}"
    listening = partial(connect, "writer", broker, topology, client_id=name)
    async with listening() as bus, bus.subscribe(topic, prefetch=1, durable="news"):
        pass
    async with connect("ingester", broker, topology) as speaker:
        await speaker.send_raw(topic, b"said meanwhile")
    async with listening() as bus, bus.subscribe(topic, prefetch=1, durable="news") as deliveries:
        assert (await take(deliveries)).body == b"said meanwhile"


async def test_a_durable_subscription_needs_a_client_id(broker, topology):
    async with connect("writer", broker, topology) as bus:
        with pytest.raises(ValueError, match="client_id"):
            bus.subscribe(f"/topic/{topology.prefix}news", prefetch=1, durable="news")

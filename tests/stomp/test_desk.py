"""What an operator does with queues, against a real ActiveMQ."""

import anyio
import pytest

from shared.stomp import StompBus, connect

pytestmark = pytest.mark.broker


@pytest.fixture
def queue(topology):
    return topology.queue("work")


async def browse_bodies(bus: StompBus, queue: str) -> list[bytes]:
    return [delivery.body for delivery in await bus.browse(queue)]


async def test_browsing_takes_nothing_and_sees_all(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        async with anyio.create_task_group() as tasks:
            for i in range(600):
                tasks.start_soon(bus.send_raw, queue, b"%d" % i)
        assert len(await bus.browse(queue)) == 600
        assert len(await bus.browse(queue)) == 600
        assert await bus.browse(topology.queue("empty")) == []


async def test_one_message_of_many_can_be_picked_and_moved(broker, topology, queue):
    elsewhere = topology.queue("elsewhere")
    async with connect("writer", broker, topology) as bus:
        for i in range(3):
            await bus.send_raw(queue, b"%d" % i, {"x": "y"})
        wanted = (await bus.browse(queue))[1]
        async with bus.receive_one(queue, 5, f"JMSMessageID = '{wanted.message_id}'") as delivery:
            await bus.forward(delivery, elsewhere, {"retried": "1"})
        async with bus.receive_one(queue, 0.3, "JMSMessageID = 'none'") as nothing:
            assert nothing is None
        assert await browse_bodies(bus, queue) == [b"0", b"2"]
        [moved] = await bus.browse(elsewhere)

    assert (moved.body, moved.headers["x"], moved.headers["retried"]) == (b"1", "y", "1")


async def test_statistics_count_what_waits_or_are_not_told(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"1")
        await bus.send_raw(queue, b"2")
        statistics = await bus.statistics(queue)

        assert statistics is None or (statistics.size, statistics.n_consumers) == (2, 0)
        assert len(await bus.browse(queue)) == 2

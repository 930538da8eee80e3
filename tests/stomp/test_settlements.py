"""Transactions: what is settled at the same time shares one; a refusal and an end concern only their own."""

import anyio
import anyio.lowlevel
import pytest

from shared.bus import BrokerError, StaleDeliveryError
from shared.messages import MessageDeadLettered
from shared.stomp import connect
from shared.stomp.inbox import claim
from shared.stomp.settlement import MOST_DELIVERIES
from tests.stomp.words import PATIENCE_S, obituary, take

pytestmark = pytest.mark.broker
N = 3 * MOST_DELIVERIES


@pytest.fixture
def queue(topology):
    return topology.queue("work")


async def fill(bus, queue, n) -> None:
    async with anyio.create_task_group() as tasks:
        for i in range(n):
            tasks.start_soon(bus.send_raw, queue, b"%d" % i)


async def said(bus) -> list[str]:
    letters = await bus.browse(bus.topology.source(MessageDeadLettered, "aggregator"))
    return [MessageDeadLettered.model_validate_json(letter.body).reason for letter in letters]


async def test_what_is_settled_at_the_same_time_shares_transactions(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await fill(bus, queue, N)
        async with bus.subscribe(queue, prefetch=N) as deliveries, anyio.create_task_group() as tasks:
            for delivery in [await take(deliveries) for _ in range(N)]:
                tasks.start_soon(bus.settle, delivery, [obituary(delivery.body.decode())])

        assert sorted(await said(bus), key=int) == [str(i) for i in range(N)]
        assert await bus.browse(queue) == []
        assert N / MOST_DELIVERIES <= len(bus.commit_times_s()) <= N / 4
        assert bus.commit_times_s() == []


async def test_one_refusal_among_many_settlements_concerns_only_itself(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await fill(bus, queue, 5)
        async with bus.subscribe(queue, prefetch=5) as deliveries:
            first, *others = [await take(deliveries) for _ in range(5)]

            async def refused():
                with pytest.raises(BrokerError):
                    await bus.forward(first, "/remote-temp-queue/ID:gone-1:1")

            async with anyio.create_task_group() as tasks:
                for delivery in others[:2]:
                    tasks.start_soon(bus.settle, delivery, [obituary(delivery.body.decode())])
                tasks.start_soon(refused)
                for delivery in others[2:]:
                    tasks.start_soon(bus.settle, delivery, [obituary(delivery.body.decode())])
            again = await take(deliveries)

        assert again.body == first.body
        assert sorted(await said(bus)) == sorted(delivery.body.decode() for delivery in others)


async def test_a_reply_that_stomp_cannot_carry_gives_only_its_own_delivery_back(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await fill(bus, queue, 2)
        async with bus.subscribe(queue, prefetch=2) as deliveries:
            first, second = await take(deliveries), await take(deliveries)

            async def refused():
                with pytest.raises(BrokerError, match="cannot carry"):
                    await bus.forward(first, queue, {"reason": "a\0b"})

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refused)
                tasks.start_soon(bus.settle, second, [obituary("second")])
            again = await take(deliveries)

        assert again.body == first.body
        assert await said(bus) == ["second"]


async def test_nothing_is_said_when_the_broker_does_not_know_the_delivery(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            delivery = await take(deliveries)
            handle = claim(delivery)
            handle.delivery["message-id"], handle.settled = "ID:nobody-1:1:1:1:1", False
            with pytest.raises(BrokerError):
                await bus.settle(delivery, [obituary()])
            again = await take(deliveries)
            await bus.settle(again, [obituary("again")])

        assert await said(bus) == ["again"]


async def test_a_settlement_that_waits_for_its_turn_can_be_taken_back(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            delivery = await take(deliveries)
            async with bus._client.settlements.between:  # noqa: SLF001 - as long as another transaction is open
                with anyio.move_on_after(0.05):
                    await bus.settle(delivery, [obituary("too early")])
            await bus.settle(delivery, [obituary("in time")])

        assert await said(bus) == ["in time"]


async def test_what_has_begun_when_its_service_is_told_to_stop_is_said_once(broker, topology, queue):
    """The broker would commit the reply without the acknowledgement, were the subscription to end in between."""
    async with connect("writer", broker, topology) as bus:
        await fill(bus, queue, N)
        async with bus.subscribe(queue, prefetch=N) as deliveries, anyio.create_task_group() as tasks:
            for delivery in [await take(deliveries) for _ in range(N)]:
                tasks.start_soon(bus.settle, delivery, [obituary(delivery.body.decode())])
            while not bus.commit_times_s():
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        left = [int(delivery.body) for delivery in await bus.browse(queue)]

        assert left
        assert sorted(left + [int(reason) for reason in await said(bus)]) == list(range(N))


async def test_a_settlement_after_the_end_of_its_subscription_says_nothing(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with anyio.create_task_group() as tasks:

            async def late():
                with pytest.raises(StaleDeliveryError):
                    await bus.settle(delivery, [obituary()])

            async with bus.subscribe(queue, prefetch=1) as deliveries:
                delivery = await take(deliveries)
                await bus._client.settlements.between.acquire()  # noqa: SLF001 - another transaction is open
                tasks.start_soon(late)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(release_soon, bus)

        assert await said(bus) == []
        with anyio.fail_after(PATIENCE_S):
            async with bus.receive_one(queue, PATIENCE_S) as again:
                assert again.body == b"work"


async def release_soon(bus) -> None:
    """Once the subscription is closed, which waits for the transaction."""
    await anyio.sleep(0.05)
    bus._client.settlements.between.release()  # noqa: SLF001

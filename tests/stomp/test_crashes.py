"""Kill -9 of a client and of the broker: nothing is lost, nothing is said twice."""

import asyncio
import signal
import sys
from contextlib import suppress

import anyio
import pytest

from cli.broker import LocalBroker
from shared.bus import StaleDeliveryError
from shared.messages import MessageDeadLettered
from shared.stomp import StompBus, connect
from tests.conftest import settings_of
from tests.stomp.words import PATIENCE_S, obituary

pytestmark = pytest.mark.broker

N_MESSAGES = 150


async def run_worker(moment, broker, topology) -> int:
    login = (broker.url, broker.user, broker.password.get_secret_value(), topology.prefix)
    command = (sys.executable, "-m", "tests.stomp.worker", moment, *login)
    process = await asyncio.create_subprocess_exec(*command)
    return await asyncio.wait_for(process.wait(), PATIENCE_S)


@pytest.mark.parametrize(
    ("moment", "n_inputs", "n_outputs"), [("during_work", 1, 0), ("before_commit", 1, 0), ("after_commit", 0, 1)]
)
async def test_a_killed_client_loses_nothing_and_says_nothing_twice(broker, topology, moment, n_inputs, n_outputs):
    work, out = topology.queue("work"), topology.queue("out")
    async with connect("ingester", broker, topology) as bus:
        await bus.send_raw(work, b"work")

        assert await run_worker(moment, broker, topology) == -signal.SIGKILL

        with anyio.fail_after(PATIENCE_S):
            while (len(await bus.browse(work)), len(await bus.browse(out))) != (n_inputs, n_outputs):
                await anyio.sleep(0.1)
        if n_inputs:
            async with bus.receive_one(work, PATIENCE_S) as again:
                assert again.body == b"work"
                await bus.settle(again)


async def answer_all(bus: StompBus, source: str, done: set[bytes]) -> None:
    """Settle each delivery with one reply until all have been, as a service would."""
    async with bus.subscribe(source, prefetch=10) as deliveries, anyio.create_task_group() as tasks:

        async def answer(delivery):
            try:
                await bus.settle(delivery, [obituary(delivery.body.decode())])
            except StaleDeliveryError:
                return
            done.add(delivery.body)

        async for delivery in deliveries:
            tasks.start_soon(answer, delivery)


async def answered(bus: StompBus) -> list[str]:
    letters = await bus.browse(bus.topology.source(MessageDeadLettered, "aggregator"))
    return [MessageDeadLettered.model_validate_json(letter.body).reason for letter in letters]


async def test_a_broker_killed_in_mid_stream_loses_and_repeats_nothing(own_broker: LocalBroker, topology):
    """Every input gets exactly one output; what a lost receipt leaves open, the redelivery decides."""
    source = topology.queue("work")
    async with connect("writer", settings_of(own_broker), topology) as bus, anyio.create_task_group() as tasks:
        for i in range(N_MESSAGES):
            await bus.send_raw(source, b"%d" % i)
        done: set[bytes] = set()
        tasks.start_soon(answer_all, bus, source, done)
        with anyio.fail_after(PATIENCE_S):
            while len(done) < N_MESSAGES / 4:
                await anyio.sleep(0.005)
        await anyio.to_thread.run_sync(own_broker.kill)
        assert len(done) < N_MESSAGES
        await anyio.to_thread.run_sync(own_broker.start)
        with anyio.fail_after(60):
            while len(await bus.browse(source)) or len(await answered(bus)) < N_MESSAGES:
                await anyio.sleep(0.1)
        assert sorted(map(int, await answered(bus))) == list(range(N_MESSAGES))
        tasks.cancel_scope.cancel()


async def test_a_broker_killed_while_messages_move_to_the_dead_letters_loses_and_doubles_none(own_broker, topology):
    """They stand in a store of their own: both take the transaction, or neither."""
    source = topology.queue("work")
    async with connect("writer", settings_of(own_broker), topology) as bus, anyio.create_task_group() as tasks:
        for i in range(N_MESSAGES):
            await bus.send_raw(source, b"%d" % i)
        moved: set[bytes] = set()
        tasks.start_soon(bury_all, bus, source, moved)
        with anyio.fail_after(PATIENCE_S):
            while len(moved) < N_MESSAGES / 4:
                await anyio.sleep(0.005)
        await anyio.to_thread.run_sync(own_broker.kill)
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(own_broker.start)
    async with connect("writer", settings_of(own_broker), topology) as bus:
        left, buried = await bus.browse(source), await bus.browse(topology.dead_letters(source))
    assert moved <= {letter.body for letter in buried}
    assert sorted(int(each.body) for each in [*left, *buried]) == list(range(N_MESSAGES))


async def bury_all(bus: StompBus, source: str, moved: set[bytes]) -> None:
    async with bus.subscribe(source, prefetch=10) as deliveries, anyio.create_task_group() as tasks:

        async def bury(delivery):
            with suppress(StaleDeliveryError):
                await bus.dead_letter(delivery, "no way")
                moved.add(delivery.body)

        async for delivery in deliveries:
            tasks.start_soon(bury, delivery)

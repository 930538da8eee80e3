"""``shared.stomp``, through its port where that does what the others do, else one layer below."""

import asyncio
from contextlib import AbstractAsyncContextManager

from benchmarks.stomp.course import BODY, PREFETCH, Place, Usage
from shared.bus import Delivery
from shared.settings import BrokerSettings
from shared.stomp import StompBus, connect
from shared.stomp.inbox import claim
from shared.stomp.outgoing import Outgoing
from shared.stomp.wire import encode
from shared.topology import Topology


def joined(place: Place) -> AbstractAsyncContextManager[StompBus]:
    url = f"stomp://{place.host}:{place.port}"
    settings = BrokerSettings.model_validate({"url": url, "user": place.user, "password": place.password})
    return connect("world", settings, Topology(prefix="bench."))


async def flush(bus: StompBus) -> None:
    """The broker has seen everything before this."""
    connection = await bus._client.ready()  # noqa: SLF001 - below the port
    await connection.request("BEGIN", {"transaction": "end"})


class Adapter:
    name = "shared.stomp"

    def receive(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._receive(place, n))

    async def _receive(self, place: Place, n: int) -> Usage:
        usage = Usage()
        async with joined(place) as bus:
            with usage.measured():
                async with bus.subscribe(place.queue, prefetch=PREFETCH) as deliveries:
                    for _ in range(n):
                        handle = claim(await anext(deliveries))
                        await handle.connection.drain()
                        handle.connection.write(encode("ACK", handle.delivery))
                    await flush(bus)
        return usage

    def send(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._send(place, n))

    async def _send(self, place: Place, n: int) -> Usage:
        usage = Usage()
        async with joined(place) as bus:
            connection = await bus._client.ready()  # noqa: SLF001 - below the port
            with usage.measured():
                for _ in range(n):
                    await connection.drain()
                    letter = Outgoing(place.queue, {"persistent": "true"}, BODY)
                    connection.write(encode(*letter.frame(connection.broker_time)))
                await flush(bus)
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> Usage:
        return asyncio.run(self._transact(place, n, in_flight))

    async def _transact(self, place: Place, n: int, in_flight: int) -> Usage:
        usage = Usage()
        async with joined(place) as bus:
            with usage.measured():
                async with bus.subscribe(place.queue, prefetch=in_flight) as deliveries, asyncio.TaskGroup() as tasks:
                    for _ in range(n):
                        tasks.create_task(bus.forward(await anext(deliveries), place.replies))
        return usage


class Port(Adapter):
    """What services do: every send and every settlement waits for its receipt, up to PREFETCH at a time."""

    name = "shared.stomp, receipts awaited"

    async def _receive(self, place: Place, n: int) -> Usage:
        usage = Usage()
        async with joined(place) as bus:
            with usage.measured():
                async with bus.subscribe(place.queue, prefetch=PREFETCH) as deliveries, asyncio.TaskGroup() as tasks:
                    for _ in range(n):
                        tasks.create_task(self._settle(bus, await anext(deliveries)))
        return usage

    async def _settle(self, bus: StompBus, delivery: Delivery) -> None:
        await bus.settle(delivery)

    async def _send(self, place: Place, n: int) -> Usage:
        usage, free = Usage(), asyncio.Semaphore(PREFETCH)

        async def send(bus: StompBus) -> None:
            async with free:
                await bus.send_raw(place.queue, BODY)

        async with joined(place) as bus:
            with usage.measured():
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(n):
                        tasks.create_task(send(bus))
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> None:
        """The same as ``Adapter``'s."""

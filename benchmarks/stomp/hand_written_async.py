"""The floor for a service: the hand-written client's frames over asyncio, nothing added."""

import asyncio
from collections.abc import Callable

from benchmarks.stomp.course import BODY, PREFETCH, Place, Usage
from benchmarks.stomp.hand_written import Frame, Frames, login, subscription, transaction


class Protocol(asyncio.Protocol):
    """Hands each frame to ``heed``; ends its wait when that says so."""

    transport: asyncio.Transport

    def __init__(self, place: Place) -> None:
        self._place, self._frames = place, Frames()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heed: Callable[[Frame], bool] = lambda _: True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport
        transport.write(login(self._place))

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        while (frame := self._frames.next()) is not None:
            if self.heed(frame) and not self.done.done():
                self.done.set_result(None)

    async def wait(self, heed: Callable[[Frame], bool]) -> None:
        """Until ``heed`` has had enough."""
        self.heed, self.done = heed, asyncio.get_running_loop().create_future()
        await self.done

    async def finish(self) -> None:
        self.transport.write(b"DISCONNECT\nreceipt:end\n\n\0")
        await self.wait(lambda frame: frame[1].get("receipt-id") == "end")
        self.transport.close()


async def connected(place: Place) -> Protocol:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Protocol(place), place.host, place.port)
    await client.done
    return client


class HandWrittenAsync:
    name = "hand-written asyncio"

    def receive(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._receive(place, n))

    async def _receive(self, place: Place, n: int) -> Usage:
        client, usage, left = await connected(place), Usage(), n

        def acknowledge(frame: Frame) -> bool:
            nonlocal left
            client.transport.write(b"ACK\nid:" + frame[1]["ack"].replace(":", "\\c").encode() + b"\n\n\0")
            left -= 1
            return not left

        with usage.measured():
            client.transport.write(subscription(place, PREFETCH))
            await client.wait(acknowledge)
            await client.finish()
        return usage

    def send(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._send(place, n))

    async def _send(self, place: Place, n: int) -> Usage:
        client, usage = await connected(place), Usage()
        with usage.measured():
            for _ in range(n):
                headers = f"destination:{place.queue}\npersistent:true\ncontent-length:{len(BODY)}\n"
                client.transport.write(f"SEND\n{headers}\n".encode() + BODY + b"\0")
            await client.finish()
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> Usage:
        return asyncio.run(self._transact(place, n, in_flight))

    async def _transact(self, place: Place, n: int, in_flight: int) -> Usage:
        client, usage, left, number = await connected(place), Usage(), n, 0

        def answer(frame: Frame) -> bool:
            nonlocal left, number
            if frame[0] == "MESSAGE":
                number += 1
                client.transport.write(transaction(place, number, frame[1]["ack"], frame[2]))
            else:
                left -= 1
            return not left

        with usage.measured():
            client.transport.write(subscription(place, in_flight))
            await client.wait(answer)
            await client.finish()
        return usage

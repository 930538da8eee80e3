"""Other people's clients: stompman and stomp.py."""

import asyncio
import threading
from collections.abc import Callable
from itertools import count

import stomp
import stompman

from benchmarks.stomp.course import BODY, PREFETCH, Place, Usage


class Stompman:
    """Its transactions hold no ACK and its COMMIT no receipt: it cannot take part in the third discipline."""

    name = "stompman"

    def receive(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._receive(place, n))

    async def _receive(self, place: Place, n: int) -> Usage:
        usage, done, numbers = Usage(), asyncio.Event(), count(1)

        async def handle(frame: stompman.AckableMessageFrame) -> None:
            await frame.ack()
            if next(numbers) == n:
                done.set()

        async with self._client(place) as client:
            with usage.measured():
                prefetch = {"activemq.prefetchSize": str(PREFETCH)}
                subscription = await client.subscribe_with_manual_ack(place.queue, handle, headers=prefetch)
                await done.wait()
                await subscription.unsubscribe()
        return usage

    def send(self, place: Place, n: int) -> Usage:
        return asyncio.run(self._send(place, n))

    async def _send(self, place: Place, n: int) -> Usage:
        usage = Usage()
        with usage.measured():  # leaving the context waits for DISCONNECT's receipt
            async with self._client(place) as client:
                for _ in range(n):
                    await client.send(BODY, place.queue, headers={"persistent": "true"})
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> None:
        """It cannot."""

    def _client(self, place: Place) -> stompman.Client:
        return stompman.Client([stompman.ConnectionParameters(place.host, place.port, place.user, place.password)])


class StompPy:
    name = "stomp.py"

    def receive(self, place: Place, n: int) -> Usage:
        client, usage = StompPyClient(place), Usage()

        def handle(frame: stomp.utils.Frame, number: int) -> None:
            client.ack(frame.headers["ack"])
            if number == n:
                client.done.set()

        with usage.measured():
            client.take(place.queue, PREFETCH, handle)
            client.done.wait()
            client.finish()
        return usage

    def send(self, place: Place, n: int) -> Usage:
        client, usage = StompPyClient(place), Usage()
        with usage.measured():
            for _ in range(n):
                client.connection.send(place.queue, BODY, headers={"persistent": "true"})
            client.finish()
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> Usage:
        client, usage = StompPyClient(place), Usage()

        def handle(frame: stomp.utils.Frame, number: int) -> None:
            name = f"t{number}"
            client.connection.begin(name)
            client.connection.send(place.replies, frame.body, transaction=name, headers={"persistent": "true"})
            client.connection.ack(frame.headers["ack"], transaction=name)
            client.connection.commit(name, headers={"receipt": name})

        with usage.measured():
            client.wanted_receipts = n
            client.take(place.queue, in_flight, handle)
            client.done.wait()
            client.finish()
        return usage


class StompPyClient(stomp.ConnectionListener):
    """One connection and what came over it."""

    def __init__(self, place: Place) -> None:
        self.connection = stomp.Connection12([(place.host, place.port)], auto_decode=False)
        self.connection.set_listener("", self)
        self.connection.connect(place.user, place.password, wait=True)
        self.done, self.finished = threading.Event(), threading.Event()
        self.wanted_receipts = 0
        self._numbers = count(1)

    def take(self, queue: str, prefetch: int, handle: Callable[[stomp.utils.Frame, int], None]) -> None:
        self._handle = handle
        headers = {"activemq.prefetchSize": str(prefetch)}
        self.connection.subscribe(queue, 1, ack="client-individual", headers=headers)

    def ack(self, ack: str) -> None:
        self.connection.ack(ack)

    def finish(self) -> None:
        self.connection.disconnect(receipt="end")
        self.finished.wait(10)

    def on_message(self, frame: stomp.utils.Frame) -> None:
        self._handle(frame, next(self._numbers))

    def on_receipt(self, frame: stomp.utils.Frame) -> None:
        if frame.headers["receipt-id"] == "end":
            self.finished.set()
            return
        self.wanted_receipts -= 1
        if not self.wanted_receipts:
            self.done.set()

"""What has arrived for one subscription and waits to be handled."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Self

from aiostomp.subscription import Subscription

from shared.bus import Delivery, StaleDeliveryError
from shared.stomp.connection import Connection
from shared.stomp.wire import Frame


class Inbox:
    """An async iterator of deliveries; it goes on over reconnects and ends when its subscription does.

    Attributes:
        subscription: its entry in aiostomp's registry.
        connection: the one it is, or is being, subscribed on.
    """

    subscription: Subscription

    def __init__(self, source: str) -> None:
        self.source = source
        self.connection: Connection | None = None
        self.closed = False
        self._deliveries: deque[Delivery] = deque()
        self._changed = asyncio.Event()

    def put(self, connection: Connection, frame: Frame) -> None:
        """A message came."""
        named = {name: frame.headers.get(name, "") for name in ("subscription", "message-id")}
        handle = Handle(connection, self, named)
        self._deliveries.append(Delivery(frame.body, frame.headers, self.source, handle))
        self._changed.set()

    def forget(self) -> None:
        """What waits came over a lost connection: the broker delivers it again."""
        self._deliveries.clear()

    def close(self) -> None:
        """Nothing more comes; what waits goes back to the broker."""
        self.closed = True
        self.forget()
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        while not self._deliveries:
            if self.closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._deliveries.popleft()


@dataclass(slots=True)
class Handle:
    """How to acknowledge one delivery: only over the connection that brought it, only once.

    Attributes:
        delivery: the headers by which the broker knows it.
    """

    connection: Connection
    inbox: Inbox
    delivery: dict[str, str]
    settled: bool = False


def claim(delivery: Delivery) -> Handle:
    """The delivery's handle, for the one settlement that it allows.

    Raises:
        StaleDeliveryError: its connection or subscription has ended.
        ValueError: it is settled already, or came over another bus.
    """
    handle = delivery.receipt
    if not isinstance(handle, Handle) or handle.settled:
        raise ValueError(f"not a delivery to settle: {delivery}")
    if handle.inbox.closed or not handle.connection.alive:
        raise StaleDeliveryError("the connection that brought the message is gone")
    handle.settled = True
    return handle

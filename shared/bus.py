"""What a service may ask of the broker: the port. ``shared.stomp`` implements it, ``shared.memory`` fakes it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from shared.messages import Message
from shared.topology import Topology

ANSWERABLE = ("/queue/", "/topic/", "/temp-queue/", "/remote-temp-queue/", "/temp-topic/", "/remote-temp-topic/")


class BrokerError(Exception):
    """The broker refused something, or cannot be reached."""


class StaleDeliveryError(BrokerError):
    """The connection that brought the delivery is gone; the broker delivers the message again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message, neither acknowledged nor dead-lettered yet.

    Attributes:
        body: as it travelled.
        headers: STOMP headers, decoded.
        source: the destination that the service subscribed to.
        receipt: the adapter's own handle of this delivery.
    """

    body: bytes
    headers: dict[str, str]
    source: str
    receipt: object = field(default=None, compare=False, repr=False)

    @property
    def message_id(self) -> str:
        """The broker's id: the same again when this message is delivered again."""
        return self.headers.get("message-id", "")

    @property
    def reply_to(self) -> str | None:
        """Where its sender wants to be answered; what is no STOMP destination is left alone."""
        named = self.headers.get("reply-to", "")
        return named if named.startswith(ANSWERABLE) else None

    @property
    def correlation_id(self) -> str | None:
        """By which its sender knows the answer again."""
        return self.headers.get("correlation-id")


class Bus(Protocol):
    """One service's connection to the broker."""

    service: str
    topology: Topology

    @property
    def connected(self) -> bool:
        """Whether the broker is reachable and everything asked for is subscribed."""
        ...

    def subscribe(self, source: str, *, prefetch: int) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Deliveries from one destination, at most ``prefetch`` of them unsettled at a time; survives reconnects."""
        ...

    async def publish(self, message: Message) -> None:
        """Say something unasked; returns once the broker has stored it. Waits while the broker is away."""
        ...

    async def settle(self, delivery: Delivery, replies: Sequence[Message] = ()) -> None:
        """Send the replies and acknowledge the delivery in one transaction; returns once the broker has committed it.

        Raises:
            StaleDeliveryError: the connection was lost; nothing was said, the message comes again.
            BrokerError: the broker refused; the delivery has been given back to it for a later try.
        """
        ...

    async def dead_letter(self, delivery: Delivery, reason: str, replies: Sequence[Message] = ()) -> None:
        """Like ``settle``, but the message itself moves to its queue's dead letter queue, with the reason."""
        ...

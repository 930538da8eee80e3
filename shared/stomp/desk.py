"""What an operator does with queues: look into them, move single messages, ask how full they are."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from shared.bus import Delivery
from shared.stomp.client import Client
from shared.stomp.errors import ConnectionLostError
from shared.stomp.inbox import Inbox, claim
from shared.stomp.letters import application_headers
from shared.stomp.outgoing import Outgoing
from shared.stomp.statistics import QueueStatistics, ask

BROWSE_PREFETCH = 1000


class Desk:
    """Work on single messages of any queue."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tells_statistics = True

    def reading(
        self, source: str, prefetch: int, *, durable: str | None = None, selector: str | None = None
    ) -> AbstractAsyncContextManager[Inbox]:
        """A subscription whose deliveries are acknowledged one by one."""
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, not {prefetch}: the broker would deliver nothing")
        if durable and not self._client.login.client_id:
            raise ValueError("a durable subscription needs a connection with a client_id")
        headers = {"activemq.prefetchSize": str(prefetch)}
        headers |= {"activemq.subscriptionName": durable} if durable else {}
        headers |= {"selector": selector} if selector else {}
        return self._client.subscribed(source, headers, ack="client-individual")

    async def browse(self, queue: str) -> list[Delivery]:
        """What waits in a queue, in the broker's order; nothing is taken from it.

        The broker shows as many as its ``maxBrowsePageSize``: ActiveMQ's default is 400, the local broker's 10000.
        """
        headers = {"browser": "true", "activemq.prefetchSize": str(BROWSE_PREFETCH)}
        found: dict[str, Delivery] = {}
        async with self._client.subscribed(queue, headers, ack="auto") as deliveries:
            async for delivery in deliveries:
                if delivery.headers.get("browser") == "end":
                    break
                found[delivery.message_id] = delivery
        return list(found.values())

    async def send_raw(self, destination: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Have any body stored by the broker; waits while the broker is away. Persistent unless ``headers`` say no.

        Raises:
            BrokerError: the broker does not want it.
        """
        await self._client.send(Outgoing(destination, {"persistent": "true", **(headers or {})}, body))

    @asynccontextmanager
    async def receive_one(
        self, queue: str, timeout_s: float, selector: str | None = None
    ) -> AsyncIterator[Delivery | None]:
        """One delivery, None if none comes in time; unless settled within the context, it goes back to its queue.

        A ``selector`` is an SQL 92 condition on headers.
        """
        delivery = None
        async with self.reading(queue, 1, selector=selector) as deliveries:
            with anyio.move_on_after(timeout_s):
                delivery = await anext(deliveries)
            yield delivery

    async def forward(self, delivery: Delivery, destination: str, headers: Mapping[str, str] | None = None) -> None:
        """Move a message to another destination in one transaction, with its sender's headers and further ones.

        Raises:
            StaleDeliveryError: the connection was lost; unless the broker had committed, the message comes again.
            BrokerError: the broker refused; the message is where it was.
        """
        kept = application_headers(delivery) | {"persistent": "true", **(headers or {})}
        await self._client.settlements.settle(claim(delivery), [Outgoing(destination, kept, delivery.body)])

    async def statistics(self, queue: str) -> QueueStatistics | None:
        """How full a queue is; None where the broker does not tell."""
        if not self._tells_statistics:
            return None
        try:
            return await ask(self._client, queue)
        except ConnectionLostError:
            self._tells_statistics = False
            return None

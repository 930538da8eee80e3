"""The broker port over STOMP."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import anyio

from shared.bus import Delivery
from shared.messages import Message
from shared.settings import BrokerSettings
from shared.stomp.client import Client
from shared.stomp.desk import Desk
from shared.stomp.inbox import claim
from shared.stomp.letters import dead_letter, letters
from shared.stomp.outgoing import Outgoing
from shared.topology import Kind, Topology

log = logging.getLogger(__name__)


class StompBus(Desk):
    """One service's connection to ActiveMQ: ``shared.bus.Bus``, and what an operator needs on top of it."""

    def __init__(self, service: str, topology: Topology, client: Client, dead_letter_days: float) -> None:
        super().__init__(client)
        self.service = service
        self.topology = topology
        self._dead_letter_days = dead_letter_days

    @property
    def connected(self) -> bool:
        """Whether the broker is reachable and everything asked for is subscribed."""
        return self._client.connected

    def commit_times_s(self) -> list[float]:
        """How long each COMMIT took since this was asked the last time [s]; the newest 1,000 at most."""
        return self._client.settlements.times_s()

    def subscribe(
        self, source: str, *, prefetch: int, durable: str | None = None, selector: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Deliveries from one destination, at most ``prefetch`` of them unsettled at a time; survives reconnects.

        Under a ``durable`` name the broker keeps a topic's messages while we are away; that needs a ``client_id``. A
        ``selector`` is an SQL 92 condition on headers: only what meets it is delivered.

        Raises:
            BrokerError: the broker refuses the subscription.
        """
        return self.reading(source, prefetch, durable=durable, selector=selector)

    async def publish(self, message: Message) -> None:
        """Say something unasked; returns once the broker has stored it. Waits while the broker is away.

        At least once: when the connection is lost before the receipt comes, it is said again. What travels on a plain
        topic is never stored, and dropped while the broker is away.
        """
        for route, letter in list(letters(message, self.topology)):
            if route.kind is Kind.TOPIC:
                self._client.mention(letter)
            else:
                await self._client.send(letter)

    async def settle(self, delivery: Delivery, replies: Sequence[Message] = ()) -> None:
        """Send the replies and acknowledge the delivery in one transaction; returns once the broker has committed it.

        Raises:
            StaleDeliveryError: the connection was lost; unless the broker had committed, the message comes again.
            BrokerError: the broker refused; the delivery has been given back to it for a later try.
        """
        await self._commit(delivery, [], replies)

    async def dead_letter(self, delivery: Delivery, reason: str, replies: Sequence[Message] = ()) -> None:
        """Like ``settle``, but the message itself moves to its queue's dead letter queue, with the reason."""
        letter = dead_letter(delivery, self.topology, reason, self._dead_letter_days)
        await self._commit(delivery, [letter], replies)

    async def _commit(self, delivery: Delivery, moved: Sequence[Outgoing], replies: Sequence[Message]) -> None:
        """Answers to a temporary queue stay outside the transaction: who asked may be gone, and his queue with him."""
        said = [letter for reply in replies for _, letter in letters(reply, self.topology)]
        kept = [*moved, *(letter for letter in said if not letter.to_a_temporary_queue)]
        await self._client.settlements.settle(claim(delivery), kept)
        for letter in said:
            if letter.to_a_temporary_queue:
                self._client.mention(letter)


@asynccontextmanager
async def connect(
    service: str, broker: BrokerSettings, topology: Topology, *, client_id: str | None = None
) -> AsyncIterator[StompBus]:
    """A bus for as long as the context lasts; waits until the broker is reachable.

    ``client_id`` names this one client to the broker, for durable topic subscriptions.

    Raises:
        BrokerError: the broker does not let us in, at the start or when it came back.
        AddressError: ``broker.url`` is none.
    """
    client = Client(broker, client_id=client_id, declared=_inboxes(topology, service))
    with _sole_fault():
        async with anyio.create_task_group() as tasks:
            await tasks.start(client.run)
            try:
                yield StompBus(service, topology, client, broker.dead_letter_days)
            finally:
                with anyio.CancelScope(shield=True):
                    await client.close()
                tasks.cancel_scope.cancel()


def _inboxes(topology: Topology, service: str) -> list[str]:
    """Queues without which a service's words on virtual topics would be lost."""
    return [queue for kind in topology.spoken_by(service) for queue in topology.inboxes(kind)]


@contextmanager
def _sole_fault() -> Iterator[None]:
    """Raise what a task group wraps as what it is, when it is one."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise

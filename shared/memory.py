"""An in-memory broker for tests: queues, virtual topics and settlement with the real topology, no network."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from shared.bus import Delivery
from shared.messages import Message
from shared.topology import Kind, Route, Topology


@dataclass
class MemoryBroker:
    """What the broker holds: messages by destination, in order; a settled message is gone."""

    queues: defaultdict[str, deque[Delivery]] = field(default_factory=lambda: defaultdict(deque))
    sent: list[Message] = field(default_factory=list)
    arrived: anyio.Event = field(default_factory=anyio.Event)
    _ids: int = 0

    def send(self, topology: Topology, message: Message) -> None:
        """Put a message wherever the topology says."""
        self.sent.append(message)
        for route, target in topology.destinations(message):
            for queue in _inboxes(topology, route, target):
                self.put(queue, message.to_json())

    def put(self, queue: str, body: bytes, **headers: str) -> None:
        """Put a body into one queue."""
        self._ids += 1
        self.queues[queue].append(Delivery(body, {"message-id": f"memory-{self._ids}", **headers}, queue))
        self.arrived.set()
        self.arrived = anyio.Event()


def _inboxes(topology: Topology, route: Route, target: str) -> Sequence[str]:
    return list(topology.inboxes(route.message)) if route.kind is Kind.VIRTUAL else [target]


@dataclass
class MemoryBus:
    """The ``Bus`` of one service over a ``MemoryBroker``."""

    service: str
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    topology: Topology = field(default_factory=Topology)
    settled: list[Delivery] = field(default_factory=list)
    dead: list[tuple[Delivery, str]] = field(default_factory=list)
    connected: bool = True

    @asynccontextmanager
    async def subscribe(self, source: str, *, prefetch: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        """Deliveries of one queue; ``prefetch`` is taken on trust."""
        del prefetch

        async def deliveries() -> AsyncIterator[Delivery]:
            while True:
                while self.broker.queues[source]:
                    yield self.broker.queues[source].popleft()
                await self.broker.arrived.wait()

        yield deliveries()

    async def publish(self, message: Message) -> None:
        """Say something unasked."""
        self.broker.send(self.topology, message)

    async def settle(self, delivery: Delivery, replies: Sequence[Message] = ()) -> None:
        """Send the replies; the delivery is done."""
        for reply in replies:
            self.broker.send(self.topology, reply)
        self.settled.append(delivery)

    async def dead_letter(self, delivery: Delivery, reason: str, replies: Sequence[Message] = ()) -> None:
        """Send the replies; the delivery moves to its dead letter queue."""
        for reply in replies:
            self.broker.send(self.topology, reply)
        self.broker.put(self.topology.dead_letters(delivery.source), delivery.body, reason=reason)
        self.dead.append((delivery, reason))

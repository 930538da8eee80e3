"""A connection of the outside world - GDA, an operator - to the mesh's broker."""

import math
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from cli.home import NoMeshError
from shared import stomp
from shared.settings import BrokerSettings
from shared.stomp import StompBus
from shared.topology import WORLD, Topology

PATIENCE_S = 10.0


@asynccontextmanager
async def outside(settings: BrokerSettings) -> AsyncIterator[StompBus]:
    """A bus of somebody outside the mesh; a service would wait for its broker for ever, a person does not.

    Raises:
        NoMeshError: the broker did not answer within 10 s.
        BrokerError: it does not let us in.
    """
    with anyio.move_on_after(PATIENCE_S) as patience:
        async with stomp.connect(WORLD, settings, Topology(settings.prefix)) as bus:
            patience.deadline = math.inf
            yield bus
    if patience.cancelled_caught:
        raise NoMeshError(f"no broker answers at {settings.url}; is the mesh running? See `mxmesh doctor`")


async def ask(settings: BrokerSettings, destination: str, body: bytes, wait_s: float) -> bytes | None:
    """Send something that is answered, and wait for the answer; None: it did not come in time.

    Raises:
        NoMeshError: the broker did not answer within 10 s.
        BrokerError: it does not let us in, or does not want this.
    """
    answers = f"/temp-queue/answers-{uuid.uuid4().hex}"
    headers = {"reply-to": answers, "correlation-id": uuid.uuid4().hex, "content-type": "application/json"}
    async with outside(settings) as bus, bus.subscribe(answers, prefetch=1) as deliveries:
        await bus.send_raw(destination, body, headers)
        with anyio.move_on_after(wait_s):
            async for delivery in deliveries:
                await bus.settle(delivery)
                return delivery.body
    return None

"""A connection of the outside world - GDA, an operator - to the mesh's broker."""

import math
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

"""A client that kills itself: ``python -m tests.stomp.worker MOMENT URL USER PASSWORD PREFIX``."""

import asyncio
import os
import signal
import sys

from shared.bus import Delivery
from shared.settings import BrokerSettings
from shared.stomp import StompBus, connect
from shared.stomp.inbox import claim
from shared.stomp.wire import encode
from shared.topology import Topology


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def before_commit(bus: StompBus, delivery: Delivery) -> None:
    """Everything of the transaction but its COMMIT has reached the broker."""
    handle = claim(delivery)
    send = encode("SEND", {"destination": bus.topology.queue("out"), "transaction": "t"}, b"reply")
    begin = encode("BEGIN", {"transaction": "t"})
    await handle.connection.request("ACK", handle.delivery | {"transaction": "t"}, before=begin + send)


async def after_commit(bus: StompBus, delivery: Delivery) -> None:
    await bus.forward(delivery, bus.topology.queue("out"))


async def during_work(bus: StompBus, delivery: Delivery) -> None:
    """Nothing has been said yet."""


MOMENTS = {act.__name__: act for act in (before_commit, after_commit, during_work)}


async def main(moment: str, url: str, user: str, password: str, prefix: str) -> None:
    settings = BrokerSettings.model_validate({"url": url, "user": user, "password": password})
    topology = Topology(prefix=prefix)
    async with connect("writer", settings, topology) as bus, bus.receive_one(topology.queue("work"), 20) as delivery:
        assert delivery
        await MOMENTS[moment](bus, delivery)
        die()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

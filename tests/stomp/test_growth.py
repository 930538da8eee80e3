"""What brokers remember of messages that are over: nothing, on each ActiveMQ that we name."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

import anyio
import pytest

from cli.activemq import debian, maven
from cli.broker import LocalBroker
from shared.messages import MessageDeadLettered
from shared.stomp import connect
from shared.stomp.settlement import FORGOTTEN_AFTER, MOST_DELIVERIES
from tests.conftest import settings_of
from tests.stomp.words import obituary, take

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not shutil.which("jcmd"), reason="no jcmd (a JDK has it) to count a broker's objects with"),
]
N = 600
BROKERS = {
    "Debian's 5.17": debian,
    "5.18.3": partial(maven, version="5.18.3"),
    "6.3.1": partial(maven, version="6.3.1"),
}


@pytest.fixture(scope="module", params=BROKERS)
def any_broker(request, tmp_path_factory) -> Iterator[LocalBroker]:
    if not (source := BROKERS[request.param]()):
        pytest.skip(f"no ActiveMQ {request.param} here: {'mvn' if shutil.which('mvn') else 'no mvn'}, or no package")
    with LocalBroker(tmp_path_factory.mktemp("activemq"), source=source) as broker:
        yield broker


def n_remembered(broker: LocalBroker) -> int:
    """Deliveries that the broker keeps for its STOMP clients, after a full collection."""
    histogram = subprocess.run(["jcmd", str(broker.pid), "GC.class_histogram"], check=True, capture_output=True).stdout
    counted = re.search(rb"(\d+) +\d+ +org\.apache\.activemq\.transport\.stomp\.StompAckEntry", histogram)
    return int(counted[1]) if counted else 0


async def test_the_broker_forgets_what_is_settled(any_broker, topology):
    queue = topology.queue("work")
    async with connect("writer", settings_of(any_broker), topology) as bus, anyio.create_task_group() as tasks:
        for _ in range(N):
            tasks.start_soon(bus.send_raw, queue, b"work")
        async with bus.subscribe(queue, prefetch=50) as deliveries:
            for _ in range(N // 2):
                await bus.settle(await take(deliveries), [obituary()])
            async with anyio.create_task_group() as together:
                for _ in range(N // 2):
                    together.start_soon(bus.settle, await take(deliveries), [obituary()])
            remembered = await anyio.to_thread.run_sync(n_remembered, any_broker)

        assert remembered <= FORGOTTEN_AFTER + MOST_DELIVERIES
        assert len(await bus.browse(topology.source(MessageDeadLettered, "aggregator"))) == N

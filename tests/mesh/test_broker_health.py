"""`mxmesh up` watches its own broker."""

import pytest

from cli.activemq import find_activemq
from cli.announce import _announce

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]


async def test_the_page_says_how_the_broker_is(mesh):
    if find_activemq().jolokia is None:
        pytest.skip("this ActiveMQ has no Jolokia")
    await mesh.until(lambda: mesh.status()["broker"]["version"], "the broker's word")
    told = mesh.status()["broker"]
    assert told["untold"] == []
    assert 0 < told["heap_now_bytes"] < told["heap_limit_bytes"]
    assert told["n_queues"] > 10
    assert told["n_files"] >= 1


async def test_the_page_says_how_long_the_broker_takes_to_commit(mesh):
    await _announce(b"start the grid, please", mesh.running.broker, wait_s=10)

    def of_the_ingester():
        commits = mesh.status()["broker"]["commits"]
        return next((each for each in commits if each["service"] == "ingester" and each["n"]), None)

    told = await mesh.until(of_the_ingester, "a COMMIT of the ingester")
    assert 0 < told["median_ms"] <= told["longest_ms"] < 60_000

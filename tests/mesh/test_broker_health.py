"""`mxmesh up` watches its own broker."""

import pytest

from cli.activemq import find_activemq

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

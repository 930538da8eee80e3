"""The aggregator as a process on a real broker: killed and started again, it has missed nothing."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import anyio
import httpx
import orjson
import pytest

from shared import stomp
from shared.messages import now
from tests.aggregator.builders import accepted, centred, found

pytestmark = pytest.mark.broker


@pytest.fixture
def settings_file(tmp_path, broker, topology, unused_tcp_port):
    file = tmp_path / "aggregator.json"
    password = broker.password.get_secret_value()
    reach = {"url": broker.url, "user": broker.user, "password": password, "prefix": topology.prefix}
    fixed = {"page_port": unused_tcp_port, "database_url": f"sqlite+aiosqlite:///{tmp_path}/state/aggregator.db"}
    file.write_bytes(orjson.dumps({"broker": reach, "beat_interval_s": 0.5, **fixed}))
    return file


@contextmanager
def aggregator(settings_file):
    """The running process; its log stands beside the settings."""
    environment = {**os.environ, "MXMESH_SETTINGS": str(settings_file)}
    command = [sys.executable, "-m", "services.aggregator"]
    with settings_file.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


async def ask(settings_file, until):
    """The status, once ``until`` is true of it."""
    url = f"http://127.0.0.1:{orjson.loads(settings_file.read_bytes())['page_port']}/api/status"
    async with httpx.AsyncClient(trust_env=False) as client:
        with anyio.fail_after(40):
            while True:
                try:
                    status = (await client.get(url)).json()
                except httpx.TransportError:
                    status = None
                if status and until(status):
                    return status
                await anyio.sleep(0.1)


async def test_a_killed_aggregator_forgets_nothing_and_misses_nothing(broker, topology, settings_file):
    at = now()
    counts = dict.fromkeys(range(12), 5)
    async with stomp.connect("writer", broker, topology) as mesh:
        with aggregator(settings_file) as process:
            await ask(settings_file, lambda s: s["health"]["services"][4]["condition"] == "alive")
            await mesh.publish(accepted(at=at))
            await mesh.publish(found({0: 3}, at))
            await ask(settings_file, lambda s: s["collections"] and s["collections"][0]["n_found"] == 1)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        await mesh.publish(found(counts, at + timedelta(seconds=1)))
        await mesh.publish(centred(at=at + timedelta(seconds=2)))
        with aggregator(settings_file) as process:
            status = await ask(settings_file, lambda s: s["collections"] and s["collections"][0]["phase"] == "centred")
            process.terminate()
            assert process.wait(10) == 0

    (collection,) = status["collections"]
    assert (collection["n_images"], collection["n_found"]) == (12, 12)
    assert collection["centring_latency_s"] == 1.0


async def test_the_aggregator_stops_quickly_while_somebody_watches_the_page(settings_file):
    page_port = orjson.loads(settings_file.read_bytes())["page_port"]
    with aggregator(settings_file) as process:
        await ask(settings_file, lambda s: s["health"]["services"][4]["condition"] == "alive")
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", f"http://127.0.0.1:{page_port}/events"),
        ):
            process.terminate()
            assert await anyio.to_thread.run_sync(process.wait, 10) == 0

    assert "Traceback" not in settings_file.with_suffix(".log").read_text()

"""One service as a process: its probes, its end, and what it says when it cannot work."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import anyio
import httpx
import orjson
import pytest

from cli.broker_configuration import free_ports
from shared.rotation import read_lines
from shared.stomp import connect
from shared.topology import SERVICES
from tests.conftest import settings_of
from tests.disks import filled, small_disk

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]
NEEDS = {
    "ingester": {"database_url": "sqlite+aiosqlite:///{folder}/ingester.sqlite"},
    "spotfinder": {"workers": 1},
    "launcher": {"state_directory": "{folder}/launcher"},
    "writer": {"database_url": "sqlite+aiosqlite:///{folder}/writer.sqlite"},
    "aggregator": {"database_url": "sqlite+aiosqlite:///{folder}/aggregator.sqlite"},
}


@contextmanager
def service(name, folder, broker, **settings):
    """A running service and the address of its probes."""
    (port,) = free_ports(1)
    where = {"page_port": port} if name == "aggregator" else {"probe_port": port}
    own = orjson.loads(orjson.dumps(NEEDS[name]).replace(b"{folder}", str(folder).encode()))
    (folder / "settings.json").write_bytes(orjson.dumps({"broker": broker, **where, **own, **settings}))
    environment = {**os.environ, "MXMESH_SETTINGS": str(folder / "settings.json")}
    environment.pop("MXMESH_BROKER_URL", None)
    command = [sys.executable, "-m", f"services.{name}"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def answer(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def until(url: str, status: int, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while (seen := answer(url)) != status:
        assert time.monotonic() < deadline, f"{url} answers {seen}, not {status}"
        time.sleep(0.1)


def described(broker, **changes) -> dict:
    password = broker.password.get_secret_value()
    return {**broker.model_dump(exclude={"password"}), "password": password, **changes}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_ready_once_subscribed_and_ends_in_good_order(name, tmp_path, broker, topology):
    with service(name, tmp_path, described(broker, prefix=topology.prefix)) as (process, url):
        until(f"{url}/readyz", 200)
        assert answer(f"{url}/livez") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        log = [orjson.loads(line) for line in process.stderr]
    assert {line["service"] for line in log} == {name}
    assert not [line for line in log if line["level"] == "ERROR"]


def test_a_service_without_its_broker_lives_but_is_not_ready(tmp_path):
    (nobody,) = free_ports(1)
    with service("writer", tmp_path, {"url": f"stomp://127.0.0.1:{nobody}"}) as (_, url):
        until(f"{url}/livez", 200)
        assert answer(f"{url}/readyz") == 503


def test_a_service_whose_broker_dies_goes_on_living_and_is_ready_again_with_it(tmp_path, own_broker, topology):
    where = described(settings_of(own_broker), prefix=topology.prefix)
    with service("ingester", tmp_path, where) as (process, url):
        until(f"{url}/readyz", 200)
        own_broker.kill()
        until(f"{url}/readyz", 503)
        assert answer(f"{url}/livez") == 200
        own_broker.start()
        until(f"{url}/readyz", 200)
        assert process.poll() is None


async def dead_lettered(broker, topology):
    """Send nonsense to the ingester, and wait until it is where nonsense goes."""
    queue = topology.queue("data-collection")
    async with connect("gda", broker, topology) as bus:
        await bus.send_raw(queue, b"nonsense")
        async with bus.receive_one(topology.dead_letters(queue), 30) as delivery:
            return delivery is not None


def test_a_full_disk_under_log_and_spans_stops_no_service(tmp_path, broker, topology):
    with small_disk(tmp_path / "disk", "200k") as disk, ExitStack() as stack:
        log, spans = disk / "ingester.jsonl", disk / "spans.jsonl"
        where = described(broker, prefix=topology.prefix)
        with filled(disk):
            files = {"log_file": str(log), "span_file": str(spans)}
            process, url = stack.enter_context(service("ingester", tmp_path, where, **files))
            until(f"{url}/readyz", 200)
            assert anyio.run(dead_lettered, broker, topology)
        assert anyio.run(dead_lettered, broker, topology)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert b"No space left" in process.stderr.read()
        assert "stopping on SIGTERM" in {orjson.loads(line)["message"] for line in read_lines(log)}
        assert b"process /queue/" in list(read_lines(spans))[-1]


def test_a_wrong_password_ends_a_service_with_one_clear_line(tmp_path, broker):
    with service("writer", tmp_path, described(broker, password="wrong")) as (process, _):
        assert process.wait(30) == 1
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "password is invalid" in said


def test_a_taken_port_ends_a_service_with_one_clear_line(tmp_path, broker):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        with service("writer", tmp_path, described(broker), probe_port=squatter.getsockname()[1]) as (process, _):
            assert process.wait(30) == 1
            said = process.stderr.read().decode()
    assert "is the port taken?" in said.splitlines()[-1]


def test_a_misspelt_setting_ends_a_service_with_its_name(tmp_path, broker):
    with service("ingester", tmp_path, described(broker), data_root=["/dls"]) as (process, _):
        assert process.wait(30) == 1
        assert b"data_root" in process.stderr.read()

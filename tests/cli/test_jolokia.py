"""A local broker tells how it is, to whoever has its login, and nothing can be changed that way."""

import contextlib
import socket
import time
from pathlib import Path

import httpx
import pytest

from cli.activemq import Docker, debian, maven
from cli.broker import LocalBroker
from cli.broker_configuration import BrokerFiles
from cli.jolokia import Agent
from services.aggregator.broker.answers import questions, understand

PASSWORD = 'a "difficult" <word> & \\more: = é'
GARBAGE_COLLECTION = {"type": "exec", "mbean": "java.lang:type=Memory", "operation": "gc"}


@pytest.fixture(params=[debian, maven], ids=["debian", "maven"])
def source(request):
    found = request.param()
    if found is None or found.jolokia is None:
        pytest.skip("not on this machine")
    return found


def until_it_answers(url):
    """Debian's begins to listen shortly after the broker does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.ConnectError):
            return httpx.get(url, trust_env=False, timeout=30)
        time.sleep(0.1)
    raise TimeoutError(url)


@pytest.mark.broker
@pytest.mark.timeout(180)
def test_each_kind_of_broker_tells_how_it_is(source, tmp_path):
    with LocalBroker(tmp_path / "broker", monitored=True, source=source, password=PASSWORD) as broker:
        login = (broker.user, PASSWORD)

        def ask(question, auth=login):
            return httpx.post(f"{broker.monitor_url}/", json=question, auth=auth, trust_env=False, timeout=30)

        until_it_answers(broker.monitor_url)

        report = understand(ask(questions()).content)
        assert (report.untold, report.queues) == ((), ())
        assert report.version.split(".")[0] in ("5", "6")
        assert 0 <= report.heap.now_bytes < report.heap.limit_bytes < 512 * 2**20
        assert (report.store.files, report.store.limit_bytes) == ((1,), 4 * 2**30)
        assert Path(report.store.folder) == tmp_path / "broker/data/kahadb/#210"
        assert ask(questions(), (broker.user, "another word")).status_code == httpx.codes.UNAUTHORIZED
        assert "forbidden" in ask(GARBAGE_COLLECTION).json()["error"]


def test_the_agent_finds_its_password_in_a_file_of_its_owner_only(tmp_path):
    files = BrokerFiles(tmp_path)
    files.prepare()
    agent = Agent(Path("/lib/jolokia.jar"))

    beans = agent.configure(files, 8161, "mxmesh", "secret")

    assert (beans, agent.options(files)) == ("", (f"-javaagent:/lib/jolokia.jar=config={files.jolokia}",))
    assert files.jolokia.stat().st_mode & 0o077 == 0
    assert "secret" not in " ".join(agent.options(files))


def test_a_container_tells_nothing(tmp_path):
    broker = LocalBroker(tmp_path, monitored=True, source=Docker("activemq:6"))
    assert broker.monitor_url is None


@pytest.mark.broker
def test_a_port_that_somebody_took_keeps_no_broker_from_working(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with LocalBroker(tmp_path / "broker", monitored=True, monitor_port=port) as broker:
            assert broker.pid is not None

"""The image of the broker, as a restricted pod runs it: any user, nothing of its root to write to."""

import time

import httpx
import pytest

from cli.broker import answers
from cli.broker_configuration import free_ports
from tests.images.conftest import TAG, docker

pytestmark = [pytest.mark.containers, pytest.mark.timeout(180)]
USER, PASSWORD = "mesh", 'a "difficult" <word> & more'
RESTRICTED = ("--read-only", "--user=12345:54321", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
START_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def ports():
    """Of STOMP and of Jolokia."""
    stomp, jolokia = free_ports(2)
    published = (f"--publish=127.0.0.1:{stomp}:61613", f"--publish=127.0.0.1:{jolokia}:8161")
    login = (f"--env=MXMESH_BROKER_USER={USER}", f"--env=MXMESH_BROKER_PASSWORD={PASSWORD}")
    started = docker("run", "--detach", "--rm", *RESTRICTED, *published, *login, f"mxmesh/mxmesh-activemq:{TAG}")
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(stomp, USER, PASSWORD):
            assert time.monotonic() < deadline, docker("logs", container)
            time.sleep(0.2)
        yield stomp, jolokia
    finally:
        docker("rm", "--force", "--volumes", container)


def ask_jolokia(port, question, auth=(USER, PASSWORD)):
    return httpx.get(f"http://127.0.0.1:{port}/api/jolokia/{question}", auth=auth, trust_env=False, timeout=10)


def test_whoever_knows_the_password_may_speak_stomp_and_nobody_else(ports):
    stomp, _ = ports
    assert answers(stomp, USER, PASSWORD)
    assert not answers(stomp, USER, "another word")


def test_jolokia_says_what_the_broker_holds_to_whoever_logs_in(ports):
    _, jolokia = ports
    question = "read/org.apache.activemq:type=Broker,brokerName=mxmesh/TotalMessageCount"
    assert ask_jolokia(jolokia, question).json()["value"] == 0
    assert ask_jolokia(jolokia, question, (USER, "another word")).status_code == httpx.codes.UNAUTHORIZED


def test_jolokia_changes_nothing(ports):
    _, jolokia = ports
    refused = ask_jolokia(jolokia, "exec/org.apache.activemq:type=Broker,brokerName=mxmesh/gc").json()
    assert "forbidden" in refused["error"]


def test_a_broker_without_a_login_does_not_start():
    refused = docker("run", "--rm", f"mxmesh/mxmesh-activemq:{TAG}")
    assert refused.returncode != 0
    assert "MXMESH_BROKER_USER: is not set" in refused.stderr

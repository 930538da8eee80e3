"""The chart's own broker: a real ActiveMQ with the configuration and the variables that its pod would have."""

import os
import subprocess
import time

import pytest

from cli.activemq import NoActiveMQError, find_activemq
from cli.broker import answers
from cli.broker_configuration import BrokerFiles, free_ports
from cli.chart.broker import FOLDER, STOMP_PORT
from shared.messages import CollectionStarts
from shared.settings import BrokerSettings
from shared.stomp import connect
from shared.topology import Topology
from tests.charts.chart import FULL, of_kind, pod_specs, render

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]
PATIENCE_S = 60


@pytest.fixture
def own_port(tmp_path):
    """Port of a broker that runs from the rendered ConfigMap; only its folder and its port are this machine's."""
    text = of_kind(render("full", FULL), "ConfigMap")["full-activemq"]["data"]["activemq.xml"]
    (port,) = free_ports(1)
    BrokerFiles(tmp_path).prepare()
    here = text.replace(f'"{FOLDER}/', f'"{tmp_path}/').replace(f"0.0.0.0:{STOMP_PORT}", f"127.0.0.1:{port}")
    (tmp_path / "conf/activemq.xml").write_text(here)
    login = {"MXMESH_BROKER_USER": "mesh", "MXMESH_BROKER_PASSWORD": 'a "difficult" <word> & more'}
    try:
        command = find_activemq().command(tmp_path)
    except NoActiveMQError as fault:
        pytest.skip(str(fault))
    with (tmp_path / "log").open("wb") as log:
        broker = subprocess.Popen(command, env={**os.environ, **login}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(port, login["MXMESH_BROKER_USER"], login["MXMESH_BROKER_PASSWORD"]):
            assert broker.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()  # noqa: PT018
            time.sleep(0.2)
        yield port, login
    finally:
        broker.kill()
        broker.wait()


async def test_it_takes_messages_from_whoever_has_the_secret_and_from_nobody_else(own_port):
    port, login = own_port
    settings = BrokerSettings(
        url=f"stomp://127.0.0.1:{port}", user=login["MXMESH_BROKER_USER"], password=login["MXMESH_BROKER_PASSWORD"]
    )
    queue = Topology(prefix="i04-1.").source(CollectionStarts, "ingester")
    async with connect("ingester", settings, Topology(prefix="i04-1.")) as bus:
        await bus.send_raw(queue, b"{}")
        assert [each.body for each in await bus.browse(queue)] == [b"{}"]
    assert not answers(port, "mesh", "another word")


def test_the_pod_gives_it_login_configuration_and_a_place_for_its_data():
    (container,) = pod_specs(render("full", FULL))["StatefulSet/full-activemq"]["containers"]
    assert {each["name"] for each in container["env"]} == {"MXMESH_BROKER_USER", "MXMESH_BROKER_PASSWORD"}
    places = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {f"{FOLDER}/conf/activemq.xml", f"{FOLDER}/data"} <= places
    assert {"name": "stomp", "containerPort": STOMP_PORT} in container["ports"]

"""The ActiveMQ that ``mxmesh up`` starts."""

import os
import shutil
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from cli.activemq import POM, Docker, Java, debian, find_activemq, maven
from cli.broker import LocalBroker, LocalBrokerError, answers, local_broker
from cli.broker_configuration import BrokerFiles, Policy, free_ports
from shared.rotation import parts
from shared.settings import BrokerSettings
from shared.stomp import connect
from shared.topology import Topology


def settings_of(broker: LocalBroker) -> BrokerSettings:
    return BrokerSettings.model_validate({"url": broker.url, "user": broker.user, "password": broker.password})


def test_debians_package_is_preferred():
    source = find_activemq()

    assert source == (debian() or source)
    assert source.name.startswith(("Debian package", "Maven artefacts", "Docker image"))


def test_a_cache_folder_with_the_artefacts_is_used(tmp_path):
    (tmp_path / "complete").touch()
    shutil.copy(POM, tmp_path / "pom.xml")

    source = maven(tmp_path)

    assert isinstance(source, Java)
    assert f"{tmp_path}/lib/*" in source.command(Path("/var/broker"))


def test_the_container_works_in_the_same_directory_as_the_broker_without_one():
    command = Docker("activemq:6").command(Path("/var/i03 broker"))

    assert command[:3] == ["docker", "run", "--rm"]
    assert "/var/i03 broker:/var/i03 broker" in command
    assert command[-2:] == ["start", "xbean:file:/var/i03 broker/conf/activemq.xml"]
    assert Docker("activemq:6").kill_command(Path("/var/i03 broker")) == ["docker", "kill", "mxmesh-var-i03-broker"]


def test_a_pause_that_the_broker_would_refuse_is_refused_here():
    with pytest.raises(ValueError, match="at least 1"):
        Policy(redelivery_s=0.5)


def test_passwords_are_kept_from_other_users(tmp_path):
    files = BrokerFiles(tmp_path)
    files.prepare()
    password = files.password()
    files.write_configuration("mxmesh", 'quote"&<', {"stomp+nio": 1}, Policy())

    assert files.password() == password
    assert "quote&quot;&amp;&lt;" in (tmp_path / "conf" / "activemq.xml").read_text()
    for path in (tmp_path / "password", tmp_path / "conf" / "activemq.xml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_answers_where_no_broker_is():
    [port] = free_ports(1)
    assert not answers(port, "mxmesh", "secret")


@pytest.mark.broker
async def test_what_the_broker_holds_outlives_it_and_a_second_one_is_refused(tmp_path):
    queue = "/queue/work"
    async with local_broker(tmp_path) as broker:
        async with connect("ingester", settings_of(broker), Topology()) as bus:
            await bus.send_raw(queue, b"kept")
        with pytest.raises(LocalBrokerError, match="already works"):
            LocalBroker(tmp_path).start()
        pid = broker.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    async with (
        local_broker(tmp_path) as broker,
        connect("ingester", settings_of(broker), Topology()) as bus,
        bus.receive_one(queue, 10) as delivery,
    ):
        assert delivery.body == b"kept"


@pytest.mark.broker
async def test_results_that_nobody_fetched_vanish_and_other_expired_messages_do_not(broker, topology):
    """The broker looks at its queues when somebody reads from them."""
    async with connect("writer", broker, topology) as bus:
        for name in ("xrc.i03", "work"):
            await bus.send_raw(topology.queue(name), b"late", {"expires": "1"})
            async with bus.receive_one(topology.queue(name), 1) as nothing:
                assert nothing is None
        dead = {name: topology.dead_letters(topology.queue(name)) for name in ("xrc.i03", "work")}
        assert await bus.browse(dead["xrc.i03"]) == []
        assert len(await bus.browse(dead["work"])) == 1


@pytest.mark.broker
def test_the_log_of_a_broker_is_kept_small_while_it_writes_on(own_broker):
    own_broker.log.keep()
    for _ in range(12):
        with own_broker.files.log.open("ab") as log:
            log.write(b"as if it had said a lot\n" * 100_000)
        own_broker.log.keep()
        assert sum(part.stat().st_size for part in parts(own_broker.files.log) if part.exists()) < 20e6
    os.kill(own_broker.pid, signal.SIGQUIT)  # Java says what its threads do
    while "Full thread dump" not in own_broker.files.end_of_log(10_000):
        time.sleep(0.05)
    assert own_broker.files.log.stat().st_size < 1e6


def test_a_broker_that_cannot_start_shows_its_log(tmp_path):
    broker = LocalBroker(tmp_path, source=Java("broken", tmp_path, ("-jar", "/none.jar")))

    with pytest.raises(LocalBrokerError, match="/none.jar"):
        broker.start()
    assert broker.pid is None


def test_a_port_that_somebody_else_uses_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(LocalBrokerError, match="port"):
        LocalBroker(tmp_path, other.getsockname()[1]).start()

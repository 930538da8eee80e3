"""The ActiveMQ that ``mxmesh up`` starts."""

import os
import shutil
import signal
import socket
import stat
import time
from pathlib import Path

import anyio
import pytest

from cli.activemq import POM, Docker, Java, debian, find_activemq, maven
from cli.broker import LocalBroker, LocalBrokerError, answers, local_broker
from cli.broker_configuration import BrokerFiles, Policy, free_ports
from shared.messages import CancelProcessing, CollectionEnded, CollectionRef, FindSpots, now
from shared.rotation import parts
from shared.settings import BrokerSettings
from shared.stomp import connect
from shared.topology import Topology

SECOND = 1 / 86400  # of a day


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


def test_a_store_of_an_earlier_release_is_noticed(tmp_path):
    files = BrokerFiles(tmp_path)
    files.prepare()
    assert files.earlier_store is None
    (tmp_path / "data" / "kahadb").mkdir()
    (tmp_path / "data" / "kahadb" / "db-1.log").touch()
    assert files.earlier_store == tmp_path / "data" / "kahadb"


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


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """Forgets within seconds what others forget in days and months."""
    policy = Policy(unused_days=SECOND, dead_letter_days=5 * SECOND)
    with LocalBroker(tmp_path_factory.mktemp("hasty"), policy=policy) as broker:
        yield broker


async def exists(bus, queue):
    return await bus.statistics(queue) is not None


async def use(bus, queue):
    await bus.send_raw(queue, b"")
    async with bus.receive_one(queue, 5) as delivery:
        await bus.settle(delivery)


@pytest.mark.broker
async def test_queues_that_nobody_uses_vanish_and_those_of_the_mesh_and_full_ones_stay(hasty):
    topology = Topology(prefix="i03.")
    waits, odd = "/queue/replies-of-somebody-else", "/queue/replies-of-yesterday"
    own = [topology.source(FindSpots, "spotfinder"), Topology().source(CancelProcessing, "launcher")]
    own += [topology.queue("xrc.i03"), topology.dead_letters(own[0]), *topology.inboxes(CollectionEnded)]
    async with connect("ingester", settings_of(hasty), topology) as bus:
        for queue in (odd, *own):
            await use(bus, queue)
        await bus.send_raw(waits, b"")
        with anyio.fail_after(40):
            while await exists(bus, odd):
                await anyio.sleep(0.2)
        await anyio.sleep(2)  # as long again
        assert [queue for queue in (waits, *own) if not await exists(bus, queue)] == []


@pytest.mark.broker
async def test_what_is_said_while_a_service_is_stopped_for_long_is_not_lost(hasty):
    """Its queue is empty and nobody reads it: just what an unused one is like."""
    topology = Topology(prefix="i04.")
    ended = CollectionEnded(
        collection=CollectionRef(beamline="i04", visit="cm1-1", id=1), outcome="ended", answered_at=now()
    )
    async with connect("ingester", settings_of(hasty), topology) as bus:
        await use(bus, "/queue/old")
        with anyio.fail_after(40):
            while await exists(bus, "/queue/old"):
                await anyio.sleep(0.2)
        await bus.publish(ended)
        for queue in topology.inboxes(CollectionEnded):
            async with bus.receive_one(queue, 5) as delivery:
                assert CollectionEnded.model_validate_json(delivery.body) == ended


@pytest.mark.broker
async def test_dead_letters_vanish_when_their_time_is_over_and_are_no_dead_letters_again(hasty):
    """Those that a service moves, and those that the broker does."""
    topology = Topology(prefix="i24.")
    queue = topology.queue("work")
    letters = topology.dead_letters(queue)
    settings = settings_of(hasty).model_copy(update={"dead_letter_days": 5 * SECOND})
    async with connect("ingester", settings, topology) as bus:
        for headers in ({}, {"expires": "1"}):
            await bus.send_raw(queue, b"", headers)
        async with bus.receive_one(queue, 5) as delivery:
            await bus.dead_letter(delivery, "no way")
        assert len(await bus.browse(letters)) == 2
        with anyio.fail_after(40):
            while await bus.browse(letters):
                await anyio.sleep(0.2)
        assert await bus.browse(topology.dead_letters(letters)) == []


def test_a_broker_that_cannot_start_shows_its_log(tmp_path):
    broker = LocalBroker(tmp_path, source=Java("broken", tmp_path, ("-jar", "/none.jar")))

    with pytest.raises(LocalBrokerError, match="/none.jar"):
        broker.start()
    assert broker.pid is None


def test_a_port_that_somebody_else_uses_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(LocalBrokerError, match="port"):
        LocalBroker(tmp_path, other.getsockname()[1]).start()

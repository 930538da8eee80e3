"""Getting in, staying in, and noticing when the other side is gone."""

import logging
import time

import anyio
import pytest

from cli.broker import LocalBroker
from cli.broker_configuration import free_ports
from shared.bus import BrokerError, StaleDeliveryError
from shared.messages import MessageDeadLettered
from shared.stomp import AddressError, LoginRefusedError, UntrustedBrokerError, connect
from shared.stomp.address import parse
from tests.conftest import settings_of
from tests.stomp.proxy import inhospitable_broker, proxy_to
from tests.stomp.words import PATIENCE_S, beat, nothing_comes, obituary, take

pytestmark = pytest.mark.broker

HEARTBEAT_S = 0.5


def through(proxy, broker, **more):
    return broker.model_copy(update={"url": proxy.url, "heartbeat_s": HEARTBEAT_S} | more)


def port_of(broker) -> int:
    return parse(broker.url).addresses[0].port


async def wait_until(condition) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not condition():
            await anyio.sleep(0.01)


async def test_a_bad_login_is_an_error_at_once_and_tried_once(broker, topology, caplog):
    caplog.set_level(logging.INFO, logger="aiostomp")
    began = time.monotonic()

    with pytest.raises(LoginRefusedError, match="password"):
        async with connect("writer", broker.model_copy(update={"user": "nobody"}), topology):
            pass

    assert time.monotonic() - began < broker.connect_timeout_s
    assert [record.message for record in caplog.records if record.name == "aiostomp"] == ["Connected"]


async def test_a_wrong_address_is_an_error_at_once(broker, topology):
    with pytest.raises(AddressError):
        async with connect("writer", broker.model_copy(update={"url": "amqp://broker"}), topology):
            pass


async def test_a_password_that_stomp_cannot_carry_is_an_error_at_once(broker, topology):
    with pytest.raises(ValueError, match="cannot carry"):
        async with connect("writer", broker.model_copy(update={"user": "two\nlines"}), topology):
            pass


async def test_connecting_waits_for_a_broker_that_is_away(broker, topology):
    [port] = free_ports(1)
    with anyio.move_on_after(0.5) as scope:
        async with connect("writer", broker.model_copy(update={"url": f"stomp://127.0.0.1:{port}"}), topology):
            pytest.fail("there is no broker")

    assert scope.cancelled_caught


async def test_the_second_broker_of_a_list_is_found_when_the_first_is_away(broker, topology):
    [port] = free_ports(1)
    url = f"failover:(stomp://127.0.0.1:{port},{broker.url})"
    with anyio.fail_after(PATIENCE_S):
        async with connect("writer", broker.model_copy(update={"url": url}), topology) as bus:
            await bus.publish(obituary())


async def test_the_second_broker_takes_over_when_the_first_is_lost(broker, topology):
    queue = topology.queue("work")
    async with proxy_to(port_of(broker)) as first, proxy_to(port_of(broker)) as second:
        url = f"failover:({first.url},{second.url})"
        bus_over = connect("writer", through(first, broker, url=url), topology)
        async with bus_over as bus, bus.subscribe(queue, prefetch=1) as deliveries:
            first.target = None
            first.cut()
            await bus.send_raw(queue, b"over the second")
            assert (await take(deliveries)).body == b"over the second"


async def test_a_lost_connection_is_made_again_with_its_subscriptions(broker, topology):
    queue = topology.queue("work")
    async with (
        proxy_to(port_of(broker)) as proxy,
        connect("writer", through(proxy, broker), topology) as bus,
        bus.subscribe(queue, prefetch=2) as deliveries,
    ):
        for body in (b"1", b"2", b"3"):
            await bus.send_raw(queue, body)
        held = await take(deliveries)
        target, proxy.target = proxy.target, None
        proxy.cut()
        await wait_until(lambda: not bus.connected)
        proxy.target = target
        with pytest.raises(StaleDeliveryError):
            await bus.settle(held, [obituary()])
        came = []
        for _ in range(3):
            came.append(await take(deliveries))
            await bus.settle(came[-1])

    assert sorted(delivery.body for delivery in came) == [b"1", b"2", b"3"]


async def test_publishing_waits_for_the_broker_and_beats_do_not(broker, topology):
    async with proxy_to(port_of(broker)) as proxy, connect("writer", through(proxy, broker), topology) as bus:
        target, proxy.target = proxy.target, None
        proxy.cut()
        await wait_until(lambda: not bus.connected)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bus.publish, obituary("patience"))
            with anyio.fail_after(1):
                await bus.publish(beat())
            await anyio.sleep(0.5)
            proxy.target = target
        letters = await bus.browse(topology.source(MessageDeadLettered, "aggregator"))

    assert [MessageDeadLettered.model_validate_json(letter.body).reason for letter in letters] == ["patience"]


async def test_a_login_that_is_refused_on_return_ends_the_bus(broker, topology):
    async def outstay(proxy, port):
        async with connect("writer", through(proxy, broker), topology) as bus:
            proxy.target = port
            proxy.cut()
            await wait_until(lambda: not bus.connected)
            await bus.publish(obituary())

    async with proxy_to(port_of(broker)) as proxy, inhospitable_broker() as port:
        with pytest.raises(LoginRefusedError, match="password"), anyio.fail_after(PATIENCE_S):
            await outstay(proxy, port)


async def test_a_peer_that_falls_silent_is_noticed(broker, topology):
    async with proxy_to(port_of(broker)) as proxy, connect("writer", through(proxy, broker), topology) as bus:
        proxy.freeze()
        began = time.monotonic()
        await wait_until(lambda: not bus.connected)

        assert time.monotonic() - began < 4 * HEARTBEAT_S + 1
        proxy.thaw()
        await wait_until(lambda: bus.connected)


async def test_an_idle_connection_stays(broker, topology):
    async with proxy_to(port_of(broker)) as proxy, connect("writer", through(proxy, broker), topology) as bus:
        with anyio.move_on_after(6 * HEARTBEAT_S):
            await wait_until(lambda: not bus.connected)

        assert bus.connected


async def test_a_receipt_that_does_not_come_makes_the_delivery_stale(broker, topology):
    queue = topology.queue("work")
    async with proxy_to(port_of(broker)) as proxy:
        patient = through(proxy, broker, heartbeat_s=60, receipt_timeout_s=1)
        async with connect("writer", patient, topology) as bus, bus.subscribe(queue, prefetch=1) as deliveries:
            await bus.send_raw(queue, b"work")
            delivery = await take(deliveries)
            proxy.freeze()
            with pytest.raises(StaleDeliveryError, match="no receipt"):
                await bus.settle(delivery, [obituary()])
            proxy.thaw()
            await bus.settle(await take(deliveries))
            assert await nothing_comes(deliveries)


async def test_senders_wait_while_the_network_does_not_take_more(broker, topology):
    """What is buffered stays near asyncio's high-water mark, however many want to send."""
    n_senders, size = 60, 500_000
    async with proxy_to(port_of(broker)) as proxy:
        patient = through(proxy, broker, heartbeat_s=60)
        async with connect("writer", patient, topology) as bus, anyio.create_task_group() as tasks:
            proxy.freeze()
            for _ in range(n_senders):
                tasks.start_soon(bus.send_raw, topology.queue("work"), bytes(size))
            await anyio.sleep(0.5)
            transport = bus._client.connection._transport  # noqa: SLF001 - nothing public tells what is buffered
            assert 0 < transport.get_write_buffer_size() < 2 * size
            proxy.thaw()
        assert not tasks.cancel_scope.cancel_called


async def test_tls_over_both_kinds_of_connector(own_broker: LocalBroker, topology):
    queue = topology.queue("work")
    for url in own_broker.tls_urls:
        bare = url.partition("?")[0]
        async with connect("writer", settings_of(own_broker, url=url), topology) as bus:
            await bus.send_raw(queue, bytes(1_000_000))
            async with bus.subscribe(queue, prefetch=1) as deliveries:
                await bus.settle(await take(deliveries), [obituary()])
        with pytest.raises(UntrustedBrokerError, match="cafile"):
            async with connect("writer", settings_of(own_broker, url=bare), topology):
                pass
        async with connect("writer", settings_of(own_broker, url=f"{bare}?verify=false"), topology) as bus:
            await bus.publish(obituary())


async def test_a_missing_cafile_is_an_error_at_once(broker, topology):
    with pytest.raises(AddressError, match="cafile"):
        async with connect("writer", broker.model_copy(update={"url": "stomp+ssl://b?cafile=/none"}), topology):
            pass


async def test_an_error_of_the_owner_comes_out_as_it_is(broker, topology):
    with pytest.raises(BrokerError, match="mine"):
        async with connect("writer", broker, topology):
            raise BrokerError("mine")

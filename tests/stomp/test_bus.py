"""The bus against a real ActiveMQ: what it sends, takes, settles and gives back."""

import os

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from opentelemetry.sdk.trace import TracerProvider

from shared import telemetry
from shared.bus import BrokerError, StaleDeliveryError
from shared.messages import CollectionRef, MessageDeadLettered, ServiceBeat, SpotsFound
from shared.stomp import connect
from tests.stomp.words import beat, nothing_comes, obituary, take

pytestmark = pytest.mark.broker

AWKWARD_BODIES = [b"", b"\0", b"a\0b\0", b"\n\n", "Ångström".encode(), b"MESSAGE\n\n\0", os.urandom(10_000_000)]
AWKWARD_HEADERS = ["", ":", "a:b", "line\nline", "\\", "\\n", "\\c", "Å", " space ", "trailing\\"]


@pytest.fixture
def queue(topology):
    return topology.queue("work")


@pytest.mark.parametrize("body", AWKWARD_BODIES, ids=lambda body: f"{len(body)} bytes {body[:8]!r}")
async def test_any_body_arrives_as_it_was_sent(broker, topology, queue, body):
    async with connect("writer", broker, topology) as bus, bus.subscribe(queue, prefetch=1) as deliveries:
        await bus.send_raw(queue, body)
        delivery = await take(deliveries)
        await bus.settle(delivery)

    assert delivery.body == body


async def test_any_header_arrives_as_it_was_sent(broker, topology, queue):
    sent = {f"awkward-{i}": value for i, value in enumerate(AWKWARD_HEADERS)} | {"key:with\\colon": "x"}

    async with connect("writer", broker, topology) as bus, bus.subscribe(queue, prefetch=1) as deliveries:
        await bus.send_raw(queue, b"", sent)
        delivery = await take(deliveries)

    assert {key: delivery.headers.get(key) for key in sent} == sent


async def test_a_settled_delivery_is_gone_and_its_replies_are_there(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            await bus.settle(await take(deliveries), [obituary("one"), obituary("two")])

        assert await bus.browse(queue) == []
        replies = await bus.browse(topology.source(MessageDeadLettered, "aggregator"))

    assert [MessageDeadLettered.model_validate_json(reply.body).reason for reply in replies] == ["one", "two"]


async def test_a_message_says_what_it_is_and_carries_the_trace(broker, topology):
    with TracerProvider().get_tracer("test").start_as_current_span("collection") as span:
        trace_id = format(span.get_span_context().trace_id, "032x")
        async with connect("writer", broker, topology) as bus:
            await bus.publish(obituary())
            [delivery] = await bus.browse(topology.source(MessageDeadLettered, "aggregator"))

    assert delivery.headers["message-type"] == "MessageDeadLettered"
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["persistent"] == "true"
    assert delivery.headers["content-length"] == str(len(delivery.body))
    assert telemetry.trace_id(delivery.headers["traceparent"]) == trace_id


async def test_an_unsettled_delivery_goes_back_when_the_subscription_ends(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            late = await take(deliveries)
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            again = await take(deliveries)
            with pytest.raises(StaleDeliveryError):
                await bus.settle(late)
            await bus.settle(again)

    assert again.message_id == late.message_id
    assert again.headers["redelivered"] == "true"


async def test_a_delivery_is_settled_once(broker, topology, queue):
    async with connect("writer", broker, topology) as bus, bus.subscribe(queue, prefetch=1) as deliveries:
        await bus.send_raw(queue, b"work")
        delivery = await take(deliveries)
        await bus.settle(delivery)
        with pytest.raises(ValueError, match="not a delivery to settle"):
            await bus.settle(delivery)


async def test_no_more_than_prefetch_deliveries_are_in_hand(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        for i in range(5):
            await bus.send_raw(queue, b"%d" % i)
        async with bus.subscribe(queue, prefetch=2) as deliveries:
            first = await take(deliveries)
            await take(deliveries)
            assert await nothing_comes(deliveries)
            await bus.settle(first)
            assert (await take(deliveries)).body == b"2"


async def test_a_prefetch_of_nothing_is_refused(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        with pytest.raises(ValueError, match="at least 1"):
            bus.subscribe(queue, prefetch=0)


async def test_a_dead_letter_keeps_its_headers_and_tells_reason_and_trace(broker, topology, queue):
    reason = "Å" * 5000
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"bad\0", {"correlation-id": "7", "x": "a:b"})
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            failed = await take(deliveries)
            with telemetry.continuing(f"00-{'a' * 32}-{'b' * 16}-01"):
                await bus.dead_letter(failed, reason, [obituary()])
        assert await bus.browse(queue) == []
        assert len(await bus.browse(topology.source(MessageDeadLettered, "aggregator"))) == 1
        [letter] = await bus.browse(topology.dead_letters(queue))

    assert letter.body == b"bad\0"
    assert letter.headers["original-destination"] == queue
    assert letter.headers["dead-letter-reason"] == "Å" * 1024
    assert letter.headers["original-message-id"] == failed.message_id
    assert telemetry.trace_id(letter.headers["traceparent"]) == "a" * 32
    assert {key: letter.headers[key] for key in ("correlation-id", "x")} == {"correlation-id": "7", "x": "a:b"}


async def test_a_refused_reply_undoes_all_and_the_broker_tries_again_then_dead_letters(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            for _ in range(2):  # as often as the test broker's policy says
                with pytest.raises(BrokerError, match="temp-queue"):
                    await bus.forward(await take(deliveries), "/remote-temp-queue/ID:gone-1:1")
            assert await nothing_comes(deliveries, within_s=1.5)
        [letter] = await bus.browse(topology.dead_letters(queue))

    assert letter.headers["original-destination"] == queue


async def test_a_reply_to_nowhere_undoes_all(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            with pytest.raises(BrokerError, match="not a STOMP destination"):
                await bus.forward(await take(deliveries), "somewhere")
            await bus.settle(await take(deliveries))


async def test_the_broker_goes_on_after_a_refusal(broker, topology, queue):
    """One refused transaction does not disturb another on the same connection."""
    async with connect("writer", broker, topology) as bus, bus.subscribe(queue, prefetch=2) as deliveries:
        await bus.send_raw(queue, b"bad")
        await bus.send_raw(queue, b"good")
        bad, good = await take(deliveries), await take(deliveries)

        async def refused():
            with pytest.raises(BrokerError):
                await bus.forward(bad, "/remote-temp-queue/ID:gone-1:1")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(refused)
            tasks.start_soon(bus.settle, good, [obituary()])
        assert len(await bus.browse(topology.source(MessageDeadLettered, "aggregator"))) == 1


async def test_a_cancelled_settlement_leaves_the_delivery_to_the_next(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        await bus.send_raw(queue, b"work")
        async with bus.subscribe(queue, prefetch=1) as deliveries:
            delivery = await take(deliveries)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await bus.settle(delivery, [obituary()])
            await bus.settle(delivery, [obituary("again")])
        replies = await bus.browse(topology.source(MessageDeadLettered, "aggregator"))

    assert [MessageDeadLettered.model_validate_json(reply.body).reason for reply in replies] == ["again"]


async def test_what_is_said_before_anybody_listens_is_kept(broker, topology):
    """The broker forgets what is published on a virtual topic without queues: the speaker makes them."""
    spots = SpotsFound.model_construct(collection=CollectionRef(beamline="i03", visit="cm12345-1", id=7))
    async with connect("spotfinder", broker, topology) as bus:
        await bus.publish(spots)
        for listener in ("writer", "aggregator"):
            assert len(await bus.browse(topology.source(SpotsFound, listener))) == 1


async def test_making_sure_of_a_queue_takes_nothing_from_it(broker, topology):
    inbox = topology.source(MessageDeadLettered, "aggregator")
    async with connect("writer", broker, topology) as bus:
        await bus.publish(obituary())
    async with connect("ingester", broker, topology) as bus, bus.subscribe(inbox, prefetch=5) as deliveries:
        delivery = await take(deliveries)
        await bus.settle(delivery)

    assert "redelivered" not in delivery.headers


async def test_beats_reach_whoever_listens_and_are_never_more_than_prefetch(broker, topology):
    topic = topology.source(ServiceBeat, "aggregator")
    async with connect("writer", broker, topology) as bus, bus.subscribe(topic, prefetch=2) as deliveries:
        for handled in range(4):
            await bus.publish(beat(handled))
        first, _ = await take(deliveries), await take(deliveries)
        assert await nothing_comes(deliveries)
        await bus.settle(first)
        assert b'"handled":2' in (await take(deliveries)).body


async def test_a_subscription_that_the_broker_refuses_is_an_error(broker, topology, queue):
    async with connect("writer", broker, topology) as bus:
        with pytest.raises(BrokerError, match="not . SQL"):
            async with bus.subscribe(queue, prefetch=1, selector="this is not ) SQL"):
                pass
        await bus.send_raw(queue, b"the connection goes on")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.binary(max_size=200), st.text(st.characters(codec="utf-8", exclude_characters="\0"))), max_size=4
    )
)
async def test_whatever_is_sent_arrives(broker, topology, queue, sent):
    async with connect("writer", broker, topology) as bus, bus.subscribe(queue, prefetch=10) as deliveries:
        for body, header in sent:
            await bus.send_raw(queue, body, {"any": header})
        received = [await take(deliveries) for _ in sent]
        for delivery in received:
            await bus.settle(delivery)

    assert [(delivery.body, delivery.headers["any"]) for delivery in received] == sent

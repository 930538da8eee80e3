"""A result lives as long as it should by the broker's clock, whatever ours and the broker's say."""

import time

import anyio
import pytest
from hypothesis import given, strategies as st

from shared.messages import GridResult
from shared.stomp.broker_time import WINDOW_S, BrokerTime
from shared.stomp.bus import StompBus
from shared.stomp.client import Client
from shared.topology import routes_of
from tests.clocks import DAY, EVENTS, HOUR, Machine
from tests.results import GRID, REF, START
from tests.stomp.words import obituary, take

LIFETIME_S = next(route.expires_s for route in routes_of(GridResult) if route.expires_s)


def broker_time_on(machine: Machine) -> BrokerTime:
    return BrokerTime(lambda: machine.machine_s, lambda: machine.wall_s)


def stamp(seconds: float) -> str:
    return str(round(1000 * seconds))


@given(st.floats(-30 * DAY, 30 * DAY), st.sampled_from(list(EVENTS.values())), st.floats(0, 100))
def test_once_something_was_heard_no_result_expires_too_early_whatever_happens_to_our_clock(apart_s, happen, later_s):
    machine = Machine()
    broker_time, broker_apart_s = broker_time_on(machine), machine.wall_s + apart_s - machine.machine_s
    broker_time.heard(stamp(machine.machine_s + broker_apart_s))
    happen(machine)
    machine.pass_(later_s)

    assert broker_time.now_s() >= machine.machine_s + broker_apart_s - 0.001


def test_a_broker_with_our_own_time_is_taken_at_its_word():
    machine = Machine()
    broker_time = broker_time_on(machine)
    for _ in range(300):
        broker_time.heard(stamp(machine.wall_s - 0.01))
        machine.pass_(1)

    assert broker_time.now_s() == pytest.approx(machine.wall_s, abs=0.001)


def test_what_waited_in_a_queue_for_long_does_not_put_the_guess_back():
    machine = Machine()
    broker_time = broker_time_on(machine)
    broker_time.heard(stamp(machine.wall_s + HOUR))
    broker_time.heard(stamp(machine.wall_s - DAY))

    assert broker_time.now_s() == pytest.approx(machine.wall_s + HOUR, abs=0.001)


def test_a_broker_whose_clock_was_put_right_is_believed_after_two_minutes():
    machine = Machine()
    broker_time = broker_time_on(machine)
    broker_time.heard(stamp(machine.wall_s + DAY))
    for _ in range(3):
        machine.pass_(WINDOW_S + 1)
        broker_time.heard(stamp(machine.wall_s))

    assert broker_time.now_s() == pytest.approx(machine.wall_s, abs=0.001)


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1e9", "\N{SUPERSCRIPT TWO}"])
def test_a_stamp_that_is_no_number_says_nothing(nonsense):
    machine = Machine()
    broker_time = broker_time_on(machine)
    broker_time.heard(nonsense)

    assert broker_time.now_s() == machine.wall_s


@pytest.mark.broker
@pytest.mark.parametrize("put_s", [-DAY, -HOUR, 0, DAY], ids=str)
async def test_a_result_is_there_for_who_comes_within_its_time(broker, topology, put_s):
    """ActiveMQ compares with its own clock; ours is off by ``put_s``."""
    client = Client(broker, declared=list(topology.inboxes(GridResult)))
    client.broker_time = BrokerTime(wall_s=lambda: time.time() + put_s)
    result = GridResult(
        collection=REF, version=1, status="whole", outcome="no crystal", grid=GRID, n_images=12, n_found=12,
        n_failed=0, centred_at=START,
    )  # fmt: skip
    async with anyio.create_task_group() as tasks:
        await tasks.start(client.run)
        bus = StompBus("writer", topology, client, broker.dead_letter_days)
        await bus.send_raw(topology.queue("something"), obituary().to_json())
        async with bus.subscribe(topology.queue("something"), prefetch=1) as deliveries:
            await bus.settle(await take(deliveries))
        await bus.publish(result)
        (waiting,) = await bus.browse(topology.queue(f"xrc.{REF.beamline}"))
        await client.close()
        tasks.cancel_scope.cancel()

    lives_s = int(waiting.headers["expires"]) / 1000 - time.time()
    assert lives_s == pytest.approx(LIFETIME_S + max(0, put_s), abs=30)

"""Slots: bounded, primary runs before secondary ones."""

import anyio

from services.launcher.inflight import InFlight


async def begun(flights, asked):
    """The order in which runs get a slot, each giving it back at once."""
    order = []

    async def run(run_id, urgency):
        await flights.reserve(run_id, urgency)
        order.append(run_id)
        flights.release(run_id)

    await flights.reserve("first")
    async with anyio.create_task_group() as tasks:
        for run_id, urgency in asked:
            tasks.start_soon(run, run_id, urgency)
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        flights.release("first")
    return order


async def test_a_primary_run_overtakes_secondary_ones_that_wait():
    asked = [("later", "secondary"), ("last", "secondary"), ("now", "primary")]
    assert (await begun(InFlight(1), asked))[0] == "now"


async def test_secondary_runs_leave_slots_free_for_primary_ones():
    flights = InFlight(3, secondary_slots=1)
    await flights.reserve("a", "secondary")
    with anyio.move_on_after(0.05) as waited:
        await flights.reserve("b", "secondary")
    assert waited.cancelled_caught
    await flights.reserve("c")
    await flights.reserve("d")
    assert flights.full


async def test_a_primary_run_that_gives_up_waiting_lets_secondary_ones_go_on():
    flights = InFlight(1)
    await flights.reserve("a")
    with anyio.move_on_after(0.02):
        await flights.reserve("b")
    flights.release("a")
    with anyio.fail_after(1):
        await flights.reserve("c", "secondary")

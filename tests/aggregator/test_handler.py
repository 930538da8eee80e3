"""The aggregator on an in-memory broker: what is said on the mesh reaches the board and the journal."""

from datetime import timedelta
from functools import partial

import anyio
import pytest

from services.aggregator.__main__ import listen, recall
from services.aggregator.board import Board
from services.aggregator.decoding import hear
from services.aggregator.handler import take_note
from services.aggregator.heard import KINDS
from services.aggregator.history import History
from services.aggregator.settings import Settings
from services.aggregator.state import State
from shared.bus import Delivery
from shared.database import open_database
from shared.memory import MemoryBroker, MemoryBus
from shared.messages import CollectionAccepted, ServiceBeat
from shared.pulse import Pulse
from shared.service import Member
from tests.aggregator.builders import REF, TRACE, accepted, beat, centred, changed, dead_letter, found, heard, recorded


@pytest.fixture
async def history(tmp_path):
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/status.sqlite") as engine:
        yield History(engine, timedelta(days=7), 200)


async def test_everything_said_on_the_mesh_is_journalled_folded_and_acknowledged(history):
    broker = MemoryBroker()
    bus = MemoryBus("aggregator", broker)
    said = [accepted(), found({0: 5}), centred(), changed(), recorded(), dead_letter(), beat("writer")]
    board = await recall(history, State())
    async with anyio.create_task_group() as tasks:
        await listen(Member(bus, Pulse("aggregator"), tasks), Settings(), history, board)
        for message in said:
            broker.send(bus.topology, message)
        with anyio.fail_after(10):
            while len(bus.settled) < len(said):
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()

    assert bus.dead == []
    assert board.state.collections["i03/42"].n_found == 1
    assert {h.kind async for h in history.replay()} == {type(message).__name__ for message in said} - {"ServiceBeat"}


async def test_a_beat_is_not_journalled_but_wakes_the_page(history):
    await history.prepare()
    board = Board(State())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(board.beyond, 0)
        replies = [r async for r in take_note(heard(beat("writer")), history=history, board=board)]

    assert (replies, len(board.state.beats), [h async for h in history.replay()]) == ([], 1, [])


async def test_a_broken_journal_does_not_stop_the_page_and_is_told_until_it_works_again(history):
    board = Board(State())
    note = partial(take_note, history=history, board=board)

    assert [r async for r in note(heard(accepted()))] == []  # the table is not there yet
    fault = board.journal_fault
    await history.prepare()
    assert [r async for r in note(heard(centred()))] == []

    assert fault is not None
    assert "no such table" in fault
    assert (board.journal_fault, len(board.state.collections)) == (None, 1)


def test_a_delivery_is_heard_with_its_id_and_its_trace():
    headers = {"message-id": "ID:7", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    delivery = Delivery(accepted().to_json(), headers, "/queue/x")

    event = hear(CollectionAccepted)(delivery)

    assert (event.message, event.message_id, event.trace_id) == (accepted(), "ID:7", TRACE)
    assert event.collection == REF


def test_a_delivery_without_id_is_known_by_its_body():
    one, two = (hear(CollectionAccepted)(Delivery(accepted().to_json(), {}, "/queue/x")) for _ in range(2))

    assert one.message_id == two.message_id != ""


def test_the_aggregator_hears_what_the_topology_sends_it():
    assert ServiceBeat in KINDS
    assert all(Settings().topology.source(kind, "aggregator") for kind in KINDS)

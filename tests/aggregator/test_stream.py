"""The stream that keeps the page alive."""

import anyio
import httpx

from services.aggregator.web.events import tell_changes
from tests.aggregator.builders import accepted, beats, heard
from tests.aggregator.night import page


async def test_the_stream_tells_changes_at_most_four_times_a_second():
    view = page([])
    stream = tell_changes(view.board)
    assert await anext(stream) == "retry: 2000\n\n"
    assert "data: 0" in await anext(stream)
    for _ in range(100):
        view.board.fold(heard(accepted()))

    assert "data: 100" in await anext(stream)
    with anyio.move_on_after(0.1) as soon:
        await anext(stream)
    assert soon.cancelled_caught


async def test_the_served_page_streams_changes_and_stops_cleanly(serve):
    view = page(beats())
    versions = []
    async with (
        serve(view) as url,
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", f"{url}/events") as answer,
    ):
        with anyio.fail_after(10):
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    versions.append(line)
                    view.board.fold(heard(accepted()))
                if len(versions) == 2:
                    break

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert versions == ["data: 0", "data: 1"]


async def test_the_stream_ends_with_the_service():
    board = page([]).board
    stream = tell_changes(board)
    async with anyio.create_task_group() as service:
        service.start_soon(board.close_when_cancelled)
        await anext(stream)
        await anext(stream)
        service.cancel_scope.cancel()

    with anyio.fail_after(2):
        assert [event async for event in stream] == []

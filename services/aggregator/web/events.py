"""Server-sent events: tell the page that there is something new, at most four times a second."""

from collections.abc import AsyncIterator

import anyio

from services.aggregator.board import Board

PAUSE_S = 0.25
LONGEST_SILENCE_S = 5.0  # ages and verdicts change without a message, too
RECONNECT_MS = 2000


async def tell_changes(board: Board) -> AsyncIterator[str]:
    """The event stream: ``change`` at once, after every change and every five seconds; ends with the service."""
    yield f"retry: {RECONNECT_MS}\n\n"
    while not board.closed:
        version = board.version
        yield f"event: change\nid: {version}\ndata: {version}\n\n"
        await anyio.sleep(PAUSE_S)
        with anyio.move_on_after(LONGEST_SILENCE_S):
            await board.beyond(version)

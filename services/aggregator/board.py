"""The present state, and how to wait for the next."""

import anyio

from services.aggregator.heard import Heard
from services.aggregator.state import State, fold


class Board:
    """What the page shows.

    Attributes:
        state: everything heard so far, folded.
        version: counts the messages folded since the start.
        journal_fault: why the history could not be written the last time; None while it can.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.version = 0
        self.journal_fault: str | None = None
        self._changed = anyio.Event()

    def fold(self, heard: Heard) -> None:
        """Take one message in, and wake whoever waits."""
        self.state = fold(self.state, heard)
        self.version += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def beyond(self, version: int) -> int:
        """Wait until the board is newer than ``version``; the new version."""
        while self.version <= version:
            await self._changed.wait()
        return self.version

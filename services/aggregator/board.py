"""The present state, and how to wait for the next."""

import anyio

from services.aggregator.broker.commits import CommitLog
from services.aggregator.broker.watching import BrokerHealth
from services.aggregator.heard import Heard
from services.aggregator.state import State, fold
from shared.messages import ServiceBeat


class Board:
    """What the page shows.

    Attributes:
        state: everything heard so far, folded.
        version: counts the messages folded since the start.
        journal_fault: why the history could not be written the last time; None while it can.
        commits: how long COMMITs took lately.
        broker: what the broker told of itself the last time; None if nobody asks it.
        closed: whether nothing more will come.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.version = 0
        self.journal_fault: str | None = None
        self.commits = CommitLog()
        self.broker: BrokerHealth | None = None
        self.closed = False
        self._changed = anyio.Event()

    def fold(self, heard: Heard) -> None:
        """Take one message in, and wake whoever waits."""
        self.state = fold(self.state, heard)
        if isinstance(heard.message, ServiceBeat):
            self.commits.follow(heard.message, heard.at)
        self.version += 1
        self._wake()

    def show_broker(self, broker: BrokerHealth) -> None:
        """The broker was looked at; the page shows it with what comes next, a few seconds later at most."""
        self.broker = broker

    async def beyond(self, version: int) -> None:
        """Wait until the board is newer than ``version``, or closed."""
        while self.version <= version and not self.closed:
            await self._changed.wait()

    async def close_when_cancelled(self) -> None:
        """Let those who watch go home when the service stops; the web server would wait for them."""
        try:
            await anyio.sleep_forever()
        finally:
            self.closed = True
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

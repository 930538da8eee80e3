"""The present state, and how to wait for the next."""

from dataclasses import replace
from datetime import timedelta

import anyio

from services.aggregator.broker.commits import CommitLog
from services.aggregator.broker.watching import BrokerHealth
from services.aggregator.heard import Heard
from services.aggregator.state import State, fold
from shared.clock import Clock, process_clock
from shared.messages import ClockJump, ServiceBeat


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

    def __init__(self, state: State, clock: Clock = process_clock) -> None:
        self.state = state
        self._clock = clock
        clock.on_jump.append(self._move)
        self.version = 0
        self.journal_fault: str | None = None
        self.commits = CommitLog()
        self.broker: BrokerHealth | None = None
        self.closed = False
        self._changed = anyio.Event()

    def fold(self, heard: Heard) -> None:
        """Take one message in, as heard now, and wake whoever waits: the clock may have been put since it came."""
        at = self._clock.now()
        self.state = fold(self.state, replace(heard, at=at))
        if isinstance(heard.message, ServiceBeat):
            self.commits.follow(heard.message, at)
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

    def _move(self, jump: ClockJump) -> None:
        self.state = self.state.moved(timedelta(seconds=jump.lost_s))

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

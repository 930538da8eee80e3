"""Heart-beats of one connection, both ways: ours are sent, and a peer that falls silent is noticed."""

import asyncio
from collections.abc import Callable

SENT_AT = 0.5  # fraction of the agreed interval: a busy event loop may be late by as much again
SILENCE = 2.0  # multiple of the agreed interval after which the peer counts as dead


def agree(ours_ms: int, answer: str) -> tuple[float, float]:
    """Intervals at which we send and at which the peer does [s], 0 for never; ``answer`` is its heart-beat header."""
    theirs_ms, wanted_ms = (int(part) for part in answer.split(","))
    send_ms = max(ours_ms, wanted_ms) if wanted_ms else 0
    hear_ms = max(ours_ms, theirs_ms) if theirs_ms else 0
    return send_ms / 1000, hear_ms / 1000


class Heartbeat:
    """Timers on the event loop, no task; ``heard`` is called with whatever arrives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._loop = loop
        self._send = send
        self._give_up = give_up
        self._heard_at = loop.time()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def start(self, send_s: float, hear_s: float) -> None:
        """Begin; an interval of 0 means never."""
        self.heard()
        if send_s:
            self._beat(send_s * SENT_AT)
        if hear_s:
            self._watch(hear_s * SILENCE)

    def heard(self) -> None:
        """The peer lives."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        """No more of it."""
        for timer in self._timers.values():
            timer.cancel()

    def _beat(self, interval_s: float) -> None:
        self._send()
        self._timers["beat"] = self._loop.call_later(interval_s, self._beat, interval_s)

    def _watch(self, patience_s: float) -> None:
        left_s = self._heard_at + patience_s - self._loop.time()
        if left_s <= 0:
            self._give_up()
        else:
            self._timers["watch"] = self._loop.call_later(left_s, self._watch, patience_s)

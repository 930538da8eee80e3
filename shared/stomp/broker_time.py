"""What time it is at the broker, whose clock alone decides when a message has expired."""

import time
from collections.abc import Callable
from math import inf
from typing import Final

from shared.clock import machine_s

WINDOW_S: Final = 60.0  # a guess stays for one to two of these, longer if nothing is heard


class BrokerTime:
    """A guess from the time stamps of what the broker delivers; the latest of a minute counts, for all are old.

    The guess is never earlier than our own wall clock: too late a time lets a message live longer, too early a time
    loses it.

    Args:
        machine_s: how long this machine has been up [s].
        wall_s: seconds since 1970 by our own clock.
    """

    def __init__(self, machine_s: Callable[[], float] = machine_s, wall_s: Callable[[], float] = time.time) -> None:
        self._machine_s = machine_s
        self._wall_s = wall_s
        self._apart_s = self._apart_before_s = -inf
        self._since_s = machine_s()

    def heard(self, timestamp: str) -> None:
        """A message came that the broker took at this time [ms since 1970]; what is no number says nothing."""
        if not timestamp.isdecimal():
            return
        machine_s = self._machine_s()
        if machine_s - self._since_s > WINDOW_S:
            self._apart_before_s, self._apart_s, self._since_s = self._apart_s, -inf, machine_s
        self._apart_s = max(self._apart_s, int(timestamp) / 1000 - machine_s)

    def now_s(self) -> float:
        """Seconds since 1970 by the broker's clock, or a little less, unless our own is later."""
        return max(self._wall_s(), self._machine_s() + max(self._apart_s, self._apart_before_s))

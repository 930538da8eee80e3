"""A place that did not answer is left alone for a while, so that not everybody who asks waits in vain."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.launcher.backends import BackendSilentError

SPARED = 3.0  # times as long as the vain question took


@dataclass(slots=True)
class Outage:
    """Whether a place was found silent a moment ago.

    One that hangs costs a question its whole timeout; so it is asked for at most a quarter of the time, whoever asks.

    Attributes:
        clock: monotonic [s].
        until: the place is not asked before this, by the clock [s].
        reason: what was wrong with it.
    """

    clock: Callable[[], float] = time.monotonic
    until: float = 0.0
    reason: str = ""

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """One question to the place.

        Raises:
            BackendSilentError: it does not answer, or did not a moment ago.
        """
        begun = self.clock()
        if begun < self.until:
            raise BackendSilentError(self.reason)
        try:
            yield
        except BackendSilentError as silence:
            ended = self.clock()
            self.until, self.reason = ended + SPARED * (ended - begun), str(silence)
            raise

"""A place that did not answer is left alone for a while, so that not everybody who asks waits in vain."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.launcher.backends import BackendDownError

SPARED = 3.0  # times as long as the vain question took


@dataclass(slots=True)
class Outage:
    """Whether a place was found to be down a moment ago.

    One that hangs costs a question its whole timeout; so it is asked for at most a quarter of the time, whoever asks.

    Attributes:
        until: the place is not asked before this [monotonic s].
        reason: what was wrong with it.
    """

    until: float = 0.0
    reason: str = ""

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """One question to the place.

        Raises:
            BackendDownError: it cannot be reached now, or could not a moment ago.
        """
        begun = time.monotonic()
        if begun < self.until:
            raise BackendDownError(self.reason)
        try:
            yield
        except BackendDownError as down:
            ended = time.monotonic()
            self.until, self.reason = ended + SPARED * (ended - begun), str(down)
            raise

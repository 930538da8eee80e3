"""Blocks whose images are not written yet: they occupy no worker, and only the first of a collection looks often."""

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

import anyio

from shared.clock import Clock, process_clock
from shared.messages import FindSpots


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the images of a block are waited for, and until when [s awake]."""

    wait_s: float
    until: float
    clock: Clock

    @property
    def left_s(self) -> float:
        """How much longer they are waited for [s]."""
        return self.until - self.clock.awake()

    @property
    def is_over(self) -> bool:
        """Whether what is not there has failed."""
        return self.left_s <= 0


@dataclass(order=True)
class Watcher:
    """One block that waits for its images."""

    first_image: int
    number: int
    called: anyio.Event = field(compare=False, default_factory=anyio.Event)


class Lookout:
    """A line for each collection: images come in order, so whoever gets some calls the next.

    Those behind look by themselves, too, for the images before theirs may never come; the farther behind, the more
    rarely, so that a line of any length costs about as much as its first alone.

    Attributes:
        poll_s: time between two looks of the first [s].
    """

    def __init__(self, poll_s: float, clock: Clock = process_clock) -> None:
        self.poll_s = poll_s
        self._clock = clock
        self._numbers = count()
        self._lines: defaultdict[str, list[Watcher]] = defaultdict(list)

    def patience(self, block: FindSpots) -> Patience:
        """From now on; only an older ingester names nothing but a moment, by its own clock."""
        left_s = (block.deadline - self._clock.now()).total_seconds()
        wait_s = left_s if block.wait_s is None else block.wait_s
        return Patience(wait_s, self._clock.awake() + wait_s, self._clock)

    def is_behind(self, block: FindSpots) -> bool:
        """Whether an earlier block of the collection waits for its images."""
        line = self._lines.get(str(block.collection))
        return bool(line and line[0].first_image < block.first_image)

    async def wait(self, block: FindSpots, longest_s: float) -> None:
        """Until it is worth another look; one look is worth it when so long [s] has passed."""
        line, watcher = self._lines[str(block.collection)], Watcher(block.first_image, next(self._numbers))
        insort(line, watcher)
        n_before = line.index(watcher)
        try:
            with anyio.move_on_after(max(self.poll_s, min(self.poll_s * (1 + n_before) ** 2, longest_s))):
                await watcher.called.wait()
        finally:
            line.remove(watcher)
            if not line:
                self._lines.pop(str(block.collection), None)

    def call_next(self, block: FindSpots) -> None:
        """All images of a block have come: the next one's may be there."""
        line = self._lines.get(str(block.collection), [])
        behind = bisect_right(line, block.first_image, key=lambda watcher: watcher.first_image)
        if behind < len(line):
            line[behind].called.set()

"""Blocks that come again while they are worked on, as they do when the broker was lost: one work, two answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from services.spotfinder.analysis import ImageReport
from shared.messages import FindSpots

Key = tuple[str, str, int, int]
Work = Callable[[FindSpots], Awaitable[list[ImageReport]]]


@dataclass
class Result:
    """What the work on one block has brought; None: it was broken off, or goes on."""

    reports: list[ImageReport] | None = None
    done: anyio.Event = field(default_factory=anyio.Event)


class InHand:
    """The blocks that are worked on."""

    def __init__(self) -> None:
        self._results: dict[Key, Result] = {}

    async def reports(self, block: FindSpots, work: Work) -> list[ImageReport]:
        """Work on a block, or wait for whoever does already; if that is broken off, work after all."""
        key = (str(block.collection), block.master_file, block.first_image, block.n_images)
        while other := self._results.get(key):
            await other.done.wait()
            if other.reports is not None:
                return other.reports
        own = self._results[key] = Result()
        try:
            own.reports = await work(block)
        finally:
            del self._results[key]
            own.done.set()
        return own.reports

"""Whose turn it is: grid scans before rotations, collections one after another, a collection's blocks in order."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Final, NamedTuple

import anyio

from shared.messages import FindSpots

REMEMBERED: Final = 100  # collections; more are hardly in hand at once


class Lane(NamedTuple):
    """The blocks of one collection; of two lanes the lesser goes first, whatever their turns."""

    is_rotation: bool
    collection: str

    @classmethod
    def of(cls, block: FindSpots) -> "Lane":
        """Where a block waits."""
        return cls(block.experiment == "rotation", str(block.collection))


@dataclass(order=True)
class Place:
    """One block that waits for a worker."""

    first_image: int
    number: int
    granted: anyio.Event = field(compare=False, default_factory=anyio.Event)


class Turns:
    """Shares the workers among all blocks in hand.

    Attributes:
        slice_s: a collection goes on for so long while another waits [s]; a worker that changes over has to read the
            other's mask and geometry.
    """

    def __init__(self, n_workers: int, slice_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.slice_s = slice_s
        self._n_free = n_workers
        self._clock = clock
        self._numbers = count()
        self._waiting: defaultdict[Lane, list[Place]] = defaultdict(list)
        self._served_at: dict[Lane, float] = {}  # when its latest turn began; the present one stands last

    @asynccontextmanager
    async def turn(self, block: FindSpots) -> AsyncIterator[None]:
        """Hold a worker; waits until one is free and no other block goes first."""
        lane, place = Lane.of(block), Place(block.first_image, next(self._numbers))
        heappush(self._waiting[lane], place)
        self._hand_out()
        try:
            await place.granted.wait()
            yield
        finally:
            self._leave(lane, place)
            self._hand_out()

    def _leave(self, lane: Lane, place: Place) -> None:
        if place.granted.is_set():
            self._n_free += 1
            return
        self._waiting[lane].remove(place)  # told to stop before its turn came
        heapify(self._waiting[lane])
        self._tidy(lane)

    def _hand_out(self) -> None:
        while self._n_free and self._waiting:
            lane = self._next_lane()
            heappop(self._waiting[lane]).granted.set()
            self._n_free -= 1
            self._tidy(lane)

    def _tidy(self, lane: Lane) -> None:
        if not self._waiting[lane]:
            del self._waiting[lane]

    def _next_lane(self) -> Lane:
        """The one whose turn it is, as long as its slice lasts; then that which has waited longest for a turn."""
        now, present = self._clock(), next(reversed(self._served_at), None)
        first = min(lane.is_rotation for lane in self._waiting)
        lanes = [lane for lane in self._waiting if lane.is_rotation == first]
        if present in lanes and now < self._served_at[present] + self.slice_s:
            return present
        chosen = min(lanes, key=lambda lane: self._served_at.get(lane, -inf))
        self._served_at.pop(chosen, None)
        self._served_at[chosen] = now
        if len(self._served_at) > REMEMBERED:
            del self._served_at[next(iter(self._served_at))]
        return chosen

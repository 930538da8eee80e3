"""Grid scans without a pause, a bounded number in flight, and how long each takes."""

import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio

from benchmarks.figures import percentile
from benchmarks.mesh.beamline import Beamline, Seen
from benchmarks.soak.judgement import Row

STEPS, EXPOSURE_S = (8, 6), 0.1
GRID_IMAGES = STEPS[0] * STEPS[1]
N_LATENCIES = 200


class Happening(NamedTuple):
    """What is done beside the grids, after each so many of them."""

    every: int
    work: Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Traffic:
    """A beamline in a hurry.

    Attributes:
        n_lanes: grids in flight.
        n_grids: centred so far.
        began_at: when the first was announced [monotonic s]; None before that.
    """

    beamline: Beamline
    n_lanes: int
    happenings: Sequence[Happening] = ()
    n_grids: int = 0
    began_at: float | None = None
    _centre_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_LATENCIES))
    _first_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_LATENCIES))

    @property
    def p98_s(self) -> float:
        """Of the last 200 grids, from announcement to centre [s]."""
        return percentile(self._centre_s, 98) if self._centre_s else 0.0

    def latencies(self) -> dict[Row, float]:
        """Of the last 200 grids. Their images are on disk before they are announced, so that only the mesh counts."""
        found: dict[Row, float] = {}
        for what, values in (("centre on xrc", self._centre_s), ("first image result", self._first_s)):
            for percent, floor_s in ((50, 0.1), (98, 0.3)):
                row = Row("latency", f"announced to {what}, p{percent}", "s", floor_s, by_clock=True)
                found |= {row: percentile(values, percent)} if values else {}
        return found

    @property
    def passed_s(self) -> float:
        """Since then [s]."""
        return time.monotonic() - self.began_at if self.began_at else 0.0

    async def run(self, duration_s: float) -> None:
        """Work for so long [s], and finish what has begun."""
        self.began_at = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(self.n_lanes):
                tasks.start_soon(self._collect, duration_s, tasks)

    async def _collect(self, duration_s: float, tasks: anyio.abc.TaskGroup) -> None:
        """One grid after another; what happens beside them does not hold them up."""
        reel = self.beamline.reel
        scan = reel.scan(*STEPS, EXPOSURE_S)
        while self.passed_s < duration_s:
            self._note(await self.beamline.collect(scan, reel.on_disk(scan)))
            for happening in self.happenings:
                if self.n_grids % happening.every == 0:
                    tasks.start_soon(happening.work)

    def _note(self, seen: Seen) -> None:
        self.n_grids += 1
        self._centre_s.append(seen.took_s)
        if seen.parts:
            self._first_s.append(seen.first_result_s)

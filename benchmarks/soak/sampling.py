"""All that is measured of a mesh at one moment, again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from benchmarks.soak import heap
from benchmarks.soak.commits import Commits
from benchmarks.soak.disk import on_disk
from benchmarks.soak.judgement import Finding, Point, Row, excuse, judge
from benchmarks.soak.processes import OTHERS, Spent, holdings
from benchmarks.soak.traffic import GRID_IMAGES, Traffic
from benchmarks.soak.up import BROKER, Processes, Up
from benchmarks.soak.visitors import Browser

MORE_CORES = 0.2


@dataclass(frozen=True)
class Sample:
    """Everything of one moment.

    Attributes:
        minute: since the start, warm-up included [min].
        n_collections: grids done by then.
    """

    minute: float
    n_collections: int
    values: dict[Row, float]


@dataclass
class Sampler:
    """Measures a mesh at work.

    Attributes:
        pids: of the processes by name; more than one of a name, apart from workers, were started again.
    """

    up: Up
    data: Path
    traffic: Traffic
    browser: Browser
    commits: Commits
    samples: list[Sample] = field(default_factory=list)
    pids: dict[str, set[int]] = field(default_factory=dict)
    _spent: Spent | None = None

    async def run(self, warm: Callable[[], bool], interval_s: float) -> None:
        """Until cancelled, a sample each interval [s], the first once the mesh is warm."""
        while not warm():  # noqa: ASYNC110 - mostly a matter of time
            await anyio.sleep(0.5)
        await self._take()  # figures since the last look begin here
        due = anyio.current_time()
        while True:
            due = max(due + interval_s, anyio.current_time())
            await anyio.sleep_until(due)
            self.samples.append(await self._take())

    async def _take(self) -> Sample:
        processes = self.up.processes()
        self._remember(processes)
        n_grids = self.traffic.n_grids
        before, self._spent = self._spent, Spent.of(processes, GRID_IMAGES * n_grids)
        values = {
            **(self._spent.since(before) if before else {}),
            **self.traffic.latencies(),
            **self.browser.times(),
            **self.commits.times(),
            **await to_thread.run_sync(self._held, processes),
        }
        return Sample(self.traffic.passed_s / 60, n_grids, values)

    def _held(self, processes: Processes) -> dict[Row, float]:
        """Memory after the heap was collected, so that the broker's garbage does not count."""
        broker = processes.get(BROKER)
        live = heap.live_heap(broker[0].pid) if broker and heap.can_be_counted() else {}
        return {**live, **holdings(processes), **on_disk(self.up.home, self.data)}

    def _remember(self, processes: Processes) -> None:
        for name, members in processes.items():
            self.pids.setdefault(name, set()).update(member.pid for member in members)

    @property
    def n_restarts(self) -> int:
        """How many processes died, as far as was seen."""
        return sum(len(pids) - 1 for name, pids in self.pids.items() if name != "workers")


def findings(samples: Sequence[Sample]) -> list[Finding]:
    """Of each row that has enough values, in the order of their first appearance."""
    rows = dict.fromkeys(row for sample in samples for row in sample.values)
    judged = (judge(row, points_of(row, samples)) for row in rows)
    return excuse([finding for finding in judged if finding], OTHERS, MORE_CORES)


def points_of(row: Row, samples: Sequence[Sample]) -> list[Point]:
    """The values of one row."""
    return [Point(each.n_collections, each.values[row]) for each in samples if row in each.values]

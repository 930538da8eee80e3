"""One soak: a mesh, everybody who works with it, and who measures it."""

import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from benchmarks.mesh.beamline import PATIENCE_S, Beamline
from benchmarks.mesh.reel import Reel
from benchmarks.soak import stand_in
from benchmarks.soak.commits import Commits
from benchmarks.soak.counts import Count, count
from benchmarks.soak.happenings import Happenings
from benchmarks.soak.sampling import Sample, Sampler
from benchmarks.soak.traffic import Traffic
from benchmarks.soak.up import Up, mesh_up
from benchmarks.soak.visitors import Browser, Operator
from cli.collections import read_only
from cli.demo.record import Recorded
from cli.mesh import SettingsOf
from cli.world import outside

REMEMBERED = 50  # collections on the page, so that this bound is reached before the warm-up ends
WARM_SHARE, LONGEST_WARM_S = 0.2, 600.0
LONGEST_INTERVAL_S, LEAST_SAMPLES = 60.0, 30
Tell = Callable[[Traffic], None]


@dataclass(frozen=True)
class Plan:
    """How long, and how much at once."""

    duration_s: float
    n_lanes: int

    @property
    def warm_s(self) -> float:
        """What does not count: caches fill, the page reaches its bound of collections, Java compiles."""
        return min(WARM_SHARE * self.duration_s, LONGEST_WARM_S)

    @property
    def interval_s(self) -> float:
        """Between two samples: a minute, in short runs less, so that a tenth has three of them."""
        return min((self.duration_s - self.warm_s) / LEAST_SAMPLES, LONGEST_INTERVAL_S)


@dataclass(frozen=True)
class Outcome:
    """What was measured, and counted.

    Attributes:
        done: how often what was done.
    """

    samples: list[Sample]
    counts: list[Count]
    done: dict[str, int]


async def soak(plan: Plan, reel: Reel, home: Path, tell: Tell) -> Outcome:
    """Run it; ``tell`` is told every second how it goes.

    Raises:
        AssertionError: something was answered wrongly, on the way.
    """
    async with _working_mesh(home, reel) as (up, beamline):
        recorded = Recorded(up.running.database, home / "status.sqlite")
        happenings = Happenings(beamline, up.running.broker, recorded)
        traffic = Traffic(beamline, plan.n_lanes, happenings.all())
        operator, browser = Operator(home), Browser(up.running.page_url, lambda: traffic.n_grids)
        sampler = Sampler(up, beamline.data, traffic, browser, Commits(beamline.bus))

        def warm() -> bool:
            return traffic.passed_s > plan.warm_s and traffic.n_grids > REMEMBERED and operator.knows_all

        async with _meanwhile(
            browser.watch,
            operator.work,
            sampler.commits.measure,
            lambda: sampler.run(warm, plan.interval_s),
            lambda: _tell(tell, traffic),
        ):
            await traffic.run(plan.duration_s)
        await operator.drop()
        counts = await count(happenings, read_only(up.running.database), operator.n_dropped, sampler.n_restarts)
        visits = {"visits of a browser": browser.n_visits, "commands at a terminal": operator.n_commands}
        return Outcome(sampler.samples, counts, {"grids": traffic.n_grids, **happenings.counts, **visits})


@asynccontextmanager
async def _working_mesh(home: Path, reel: Reel) -> AsyncIterator[tuple[Up, Beamline]]:
    """As `mxmesh up` starts it; a machine that is busy otherwise shall not make images late."""
    data = reel.file.parent / f"data-{time.time_ns()}"
    data.mkdir()  # beside the reel, since hard links stay on one file system
    overrides: SettingsOf = {
        "ingester": {"image_grace_s": PATIENCE_S},
        "writer": {"deadline_s": PATIENCE_S},
        "aggregator": {"n_collections": REMEMBERED},
        **stand_in.install(home / "bin"),
    }
    try:
        async with mesh_up(home, data, overrides) as up, outside(up.running.broker) as bus:
            beamline = Beamline(bus=bus, reel=reel, data=data)
            async with _meanwhile(beamline.hear_centres), beamline.hearing_spots():
                yield up, beamline
    finally:
        shutil.rmtree(data, ignore_errors=True)


@asynccontextmanager
async def _meanwhile(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """What goes on for as long as the context lasts."""
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(work)
        yield
        tasks.cancel_scope.cancel()


async def _tell(tell: Tell, traffic: Traffic) -> None:
    while True:
        tell(traffic)
        await anyio.sleep(1)

"""Runs whose launcher is killed again and again: how many were started twice, how many lost."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import anyio

from benchmarks.figures import Figure, Section
from benchmarks.launcher.rig import Rig

EVERY_S = 5.0


@dataclass(frozen=True)
class Survived:
    """What became of the runs.

    Attributes:
        n_kills: how often the launcher was killed.
        started_twice: runs whose program was started more than once.
        lost: runs without a result, or whose result is not a success.
        contradicted: runs of which different ends were told.
        repeated: ends that were told more than once, always the same; the writer records them once.
    """

    n_runs: int
    n_kills: int
    started_twice: list[str]
    lost: list[str]
    contradicted: list[str]
    repeated: list[str]


async def survive(rig: Rig, n_runs: int, next_kill_s: Callable[[], float]) -> Survived:
    """Ask for runs, and kill the launcher by signal 9 whenever it has lived so long, until all have ended."""
    requests = [rig.request() for _ in range(n_runs)]
    for request in requests:
        await rig.bus.publish(request)
    n_kills, done = 0, False
    while not done:
        with rig.launcher(), anyio.move_on_after(next_kill_s()) as life:
            await rig.ended(requests)
        done = not life.cancelled_caught
        n_kills += not done
    names, told = {request.run_id for request in requests}, rig.results
    return Survived(
        n_runs=n_runs,
        n_kills=n_kills,
        started_twice=[run for run, times in rig.starts().items() if times > 1],
        lost=[name for name in names if not told[name] or told[name][0].state != "succeeded"],
        contradicted=[run for run, ends in told.items() if len({(end.state, end.ended_at) for end in ends}) > 1],
        repeated=[run for run, ends in told.items() if len(ends) > 1],
    )


async def kills(rig: Rig, n: int) -> Section:
    """The launcher is killed every five seconds."""
    survived = await survive(rig, n, lambda: EVERY_S)
    figures = [
        Figure("runs started twice", len(survived.started_twice), "", 0),
        Figure("runs lost", len(survived.lost), "", 0),
        Figure("runs of which two different ends were told", len(survived.contradicted), "", 0),
        Figure("ends told again after a kill, the same", len(survived.repeated), ""),
    ]
    return Section(f"{n} runs, the launcher killed {survived.n_kills} times", figures, data=asdict(survived))

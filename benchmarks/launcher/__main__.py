"""The launcher with its local backend on a real ActiveMQ: how soon runs start, how many pile up, and what kills do.

A stand-in for xia2 that takes half a second is run by the real wrapper, after the real wait for the last image.

Examples:
  python -m benchmarks.launcher --quick
  python -m benchmarks.launcher --json launcher.json
  python -m benchmarks.launcher --only starts kills
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.figures import Section, latencies
from benchmarks.launcher.kills import kills
from benchmarks.launcher.queued import queued
from benchmarks.launcher.rig import Rig, waiting_users
from cli.broker import LocalBroker
from shared.settings import BrokerSettings
from shared.topology import Topology

SLOTS, SECONDS = 4, 0.5
Measure = Callable[[Rig], Awaitable[Section]]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    n_starts: int
    n_queued: int
    n_killed: int


FULL, QUICK = Size(100, 1000, 200), Size(20, 100, 40)


async def starts(rig: Rig, n: int) -> Section:
    """One request after the other: from its publication to the wrapper that runs it."""
    waits: list[float] = []
    with rig.launcher():
        await rig.warm()
        for _ in range(n):
            request = rig.request()
            await rig.bus.publish(request)
            await rig.ended([request])
            begun = rig.results[request.run_id][0].started_at
            waits.append((begun - request.asked_at).total_seconds() if begun else float("inf"))
    figures = latencies("request to process started, local", waits, {50: 0.5, 98: 1.0})
    return Section(f"{n} requests, one after the other", figures, data={"waits_s": waits})


def measures(size: Size) -> dict[str, Measure]:
    """By name."""
    return {
        "starts": partial(starts, n=size.n_starts),
        "queued": partial(queued, n=size.n_queued),
        "kills": partial(kills, n=size.n_killed),
    }


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.launcher", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(measures(FULL))
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="measure only these")
    parser.add_argument("--quick", action="store_true", help="fewer runs: about two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    """Measure, print each section as it is done, write the file asked for."""
    options = arguments()
    with tempfile.TemporaryDirectory() as home, LocalBroker(Path(home) / "activemq") as broker:
        sections = anyio.run(measure_all, options, Path(home), settings_of(broker))
    if options.json:
        where = {"python": platform.python_version(), "cores": os.cpu_count(), "slots": SLOTS, "seconds": SECONDS}
        options.json.write_text(json.dumps(where | {"sections": sections}, indent=1))


def settings_of(broker: LocalBroker) -> BrokerSettings:
    """How to reach it."""
    return BrokerSettings.model_validate({"url": broker.url, "user": broker.user, "password": broker.password})


async def measure_all(options: argparse.Namespace, home: Path, broker: BrokerSettings) -> dict[str, Any]:
    """Each with a launcher, a folder and queues of its own."""
    found: dict[str, Any] = {}
    chosen = measures(QUICK if options.quick else FULL)
    for name in options.only:
        (folder := home / name).mkdir()
        async with waiting_users(folder, broker, Topology(f"{name}."), slots=SLOTS, seconds=SECONDS) as rig:
            section = await chosen[name](rig)
        print(section, flush=True)
        found[name] = asdict(section)
    return found


if __name__ == "__main__":
    main()

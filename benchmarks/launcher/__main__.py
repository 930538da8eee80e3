"""The launcher on a real ActiveMQ: how soon runs start, how many pile up, and what kills do.

A stand-in for xia2 that takes half a second is run by the real wrapper, after the real wait for the last image.
All is measured with the local backend; how soon runs start, on Slurm and Kubernetes, too, if they are named.

Examples:
  python -m benchmarks.launcher --quick
  python -m benchmarks.launcher --json launcher.json
  python -m benchmarks.launcher --only starts kills
  KUBECONFIG=$(.ci/cluster/up) python -m benchmarks.launcher --only starts --backend local slurm kubernetes
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.figures import Section, latencies
from benchmarks.launcher.kills import kills
from benchmarks.launcher.queued import queued
from benchmarks.launcher.rig import Rig, waiting_users
from benchmarks.processing.places import PLACES, LauncherSettings, slurm
from benchmarks.slurm_cluster import TUNED
from cli.broker import LocalBroker
from shared.settings import BrokerSettings
from shared.topology import Topology

SLOTS, SECONDS = 4, 0.5
IMAGE = "docker.io/mxmesh/mxmesh-dials:test"
Measure = Callable[[Rig], Awaitable[Section]]
Opened = Callable[[Path, str], AbstractContextManager[LauncherSettings]]
VARIANTS: dict[str, dict[str, Opened]] = {name: {name: place.opened} for name, place in PLACES.items()}
VARIANTS["slurm"] |= {"slurm, tuned": partial(slurm, scheduler=TUNED)}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    n_starts: int
    n_starts_elsewhere: int
    n_queued: int
    n_killed: int


FULL, QUICK = Size(100, 30, 1000, 200), Size(20, 10, 100, 40)


async def starts(rig: Rig, n: int, place: str = "local") -> Section:
    """One request after the other: from its publication to the wrapper that runs it."""
    waits: list[float] = []
    with rig.launcher():
        await rig.warm()
        for _ in range(n):
            request = rig.request()
            await rig.bus.publish(request)
            await rig.ended([request])
            result = rig.results[request.run_id][0]
            if result.started_at is None:
                raise RuntimeError(f"run {result.run.run_id} did not start: {result.reason}")
            waits.append((result.started_at - request.asked_at).total_seconds())
    goals = {50: 0.5, 98: 1.0} if place == "local" else {}
    figures = latencies(f"request to process started, {place}", waits, goals)
    return Section(f"{n} requests, one after the other", figures, data={"waits_s": waits})


def measures(size: Size, place: str = "local") -> dict[str, Measure]:
    """By name; only those that are measured in this place."""
    if place != "local":
        return {"starts": partial(starts, n=size.n_starts_elsewhere, place=place)}
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
    parser.add_argument("--backend", nargs="+", choices=PLACES, default=["local"], help="where; default: local")
    parser.add_argument("--image", default=IMAGE, help="of Kubernetes' runs; default: what `.ci/cluster/build` makes")
    parser.add_argument("--quick", action="store_true", help="fewer runs: about two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    """Measure, print each section as it is done, write the file asked for."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="mxmesh-launcher-") as home, LocalBroker(Path(home) / "activemq") as broker:
        Path(home).chmod(0o755)  # for the user of pods
        sections = anyio.run(measure_all, options, Path(home), settings_of(broker))
    if options.json:
        where = {"python": platform.python_version(), "cores": os.cpu_count(), "slots": SLOTS, "seconds": SECONDS}
        options.json.write_text(json.dumps(where | {"sections": sections}, indent=1))


def settings_of(broker: LocalBroker) -> BrokerSettings:
    """How to reach it."""
    return BrokerSettings.model_validate({"url": broker.url, "user": broker.user, "password": broker.password})


async def measure_all(options: argparse.Namespace, home: Path, broker: BrokerSettings) -> dict[str, Any]:
    """Each in each place, with a launcher, a folder and queues of its own."""
    found: dict[str, Any] = {}
    for backend in options.backend:
        if missing := PLACES[backend].missing():
            print(f"{backend}: SKIPPED, {missing}", flush=True)
            continue
        for place, opened in VARIANTS[backend].items():
            for name, measure in measures(QUICK if options.quick else FULL, place).items():
                if name in options.only:
                    folder = home / f"{len(found)}-{backend}-{name}"
                    section = await measure_in(folder, broker, measure, partial(opened, folder, options.image))
                    print(section, flush=True)
                    found[f"{name}, {place}"] = asdict(section)
    return found


async def measure_in(
    folder: Path,
    broker: BrokerSettings,
    measure: Measure,
    opened: Callable[[], AbstractContextManager[LauncherSettings]],
) -> Section:
    """One measurement with users that wait for their runs in one place."""
    await anyio.Path(folder).mkdir()
    with opened() as place:
        settings = {"slots": SLOTS, **place}
        async with waiting_users(folder, broker, Topology(f"{folder.name}."), settings, seconds=SECONDS) as rig:
            return await measure(rig)


if __name__ == "__main__":
    main()

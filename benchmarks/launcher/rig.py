"""A launcher in a process of its own on a real broker, a stand-in for xia2 that takes a moment, and what is said."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import anyio
import h5py
import numpy as np
import orjson

from benchmarks.processing.places import LauncherSettings
from shared import stomp
from shared.messages import Collection, ProcessCollection, ProcessingResult, Rotation
from shared.settings import BrokerSettings
from shared.stomp import StompBus
from shared.topology import Topology

PIPELINE, QUEUE = "xia2-dials", "xia2-results"
PREFETCH, PATIENCE_S = 100, 1800.0
LIMIT_S, MEMORY_GB = 600.0, 0.5
PROGRAM = """#!/bin/sh
date +%s.%N >> started.txt
sleep {seconds}
echo '{{}}' > xia2.json
"""


@dataclass
class Rig:
    """A launcher that can be killed and started again, and its users.

    Attributes:
        settings_file: of the launcher.
        results: what was said of every run's end, in order.
    """

    folder: Path
    bus: StompBus
    settings_file: Path
    results: defaultdict[str, list[ProcessingResult]] = field(default_factory=lambda: defaultdict(list))
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _news: anyio.Event = field(default_factory=anyio.Event)

    def request(self) -> ProcessCollection:
        """A new collection to process; its one image is there."""
        collection = Collection(
            beamline="i03",
            visit="cm12345-1",
            dcid=next(self._ids),
            experiment="rotation",
            visit_directory=str(self.folder / "visit"),
            folder="",
            prefix="xtal1",
            run_number=1,
            number_of_images=1,
            exposure_s=0.1,
            rotation=Rotation(width_deg=0.5),
        )
        return ProcessCollection(collection=collection, pipeline=PIPELINE)

    @contextmanager
    def launcher(self) -> Iterator[subprocess.Popen[bytes]]:
        """The service at work; killed by signal 9 in the end, if it is not gone by then."""
        environment = {**os.environ, "MXMESH_SETTINGS": str(self.settings_file)}
        with self.settings_file.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "services.launcher"], env=environment, stderr=log)
            try:
                yield process
            finally:
                process.kill()
                process.wait(10)

    async def ended(self, requests: list[ProcessCollection]) -> None:
        """Wait until every run's end is said.

        Raises:
            TimeoutError: half an hour was not enough.
        """
        with anyio.fail_after(PATIENCE_S):
            while any(request.run_id not in self.results for request in requests):
                await self._news.wait()

    async def warm(self) -> None:
        """One run, so that the launcher is up."""
        await self.bus.publish(request := self.request())
        await self.ended([request])

    def starts(self) -> dict[str, int]:
        """How often the program of each run was started."""
        files = (self.folder / "visit/processed").glob("**/started.txt")
        return {file.parent.name: len(file.read_text().splitlines()) for file in files}

    async def hear(self) -> None:
        """Hear every run's end."""
        async with self.bus.subscribe(self.bus.topology.queue(QUEUE), prefetch=PREFETCH) as deliveries:
            async for delivery in deliveries:
                result = ProcessingResult.model_validate_json(delivery.body)
                await self.bus.settle(delivery)
                self.results[result.run.run_id].append(result)
                self._news.set()
                self._news = anyio.Event()


@asynccontextmanager
async def waiting_users(
    folder: Path, broker: BrokerSettings, topology: Topology, settings: LauncherSettings, *, seconds: float
) -> AsyncIterator[Rig]:
    """A rig whose launcher is not started yet; every run takes ``seconds`` beside the wait for its images."""
    settings_file = _write_settings(folder, broker, topology, settings)
    _write_program(folder / "bin/xia2", seconds)
    (folder / "bin/freerflag").symlink_to("/bin/true")  # asked for, since xia2 itself would call it
    _write_image(folder / "visit/xtal1_1_master.h5")
    async with stomp.connect("writer", broker, topology) as bus, anyio.create_task_group() as tasks:
        rig = Rig(folder, bus, settings_file)
        tasks.start_soon(rig.hear)
        yield rig
        tasks.cancel_scope.cancel()


def _write_settings(folder: Path, broker: BrokerSettings, topology: Topology, settings: LauncherSettings) -> Path:
    """A place may want a python, filters and variables of its own; the program is found all the same."""
    password = broker.password.get_secret_value() if broker.password else None
    own = {
        "broker": {"url": broker.url, "user": broker.user, "password": password, "prefix": topology.prefix},
        "state_directory": str(folder / "state"),
        "python": sys.executable,
        "niceness": 0,
        "poll_s": 0.1,
        "time_limit_s": {PIPELINE: LIMIT_S},
        **settings,
        "memory_gb": {PIPELINE: MEMORY_GB},
        "environment": {**settings.get("environment", {}), "PATH": f"{folder}/bin:/usr/bin:/bin"},
    }
    file = folder / "launcher.json"
    file.write_bytes(orjson.dumps(own))
    return file


def _write_program(file: Path, seconds: float) -> None:
    file.parent.mkdir()
    file.write_text(PROGRAM.format(seconds=seconds))
    file.chmod(0o755)


def _write_image(master: Path) -> None:
    master.parent.mkdir()
    with h5py.File(master, "w") as file:
        file.create_dataset("entry/data/data", data=np.ones((1, 4, 5), np.uint16), chunks=(1, 4, 5))

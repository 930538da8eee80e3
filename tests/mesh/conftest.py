"""A whole mesh as an operator starts it: `mxmesh up`, a real broker, five service processes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import orjson
import psutil
import pytest

from cli.demo.record import Images, Recorded
from cli.home import NoMeshError, RunningMesh
from cli.world import outside
from shared.messages import CollectionRef, GridResult
from shared.stomp import StompBus
from simulator.demo import small_grid
from simulator.frames import cached_frames
from simulator.gda import Session
from simulator.grid import GridScan

START_TIMEOUT_S = 180
PATIENCE_S = 60


@dataclass
class RunningUp:
    """`mxmesh up` at work."""

    home: Path
    process: psutil.Process
    running: RunningMesh

    @property
    def session(self) -> Session:
        return Session(self.running.data_roots[0] / "cm12345-1")

    @property
    def recorded(self) -> Recorded:
        return Recorded(self.running.database, self.home / "status.sqlite")

    def kill(self, name: str) -> None:
        """Signal 9 to a service, or to the broker."""
        wanted = "activemq" if name == "broker" else f"services.{name}"
        (victim,) = [child for child in self.process.children() if any(wanted in word for word in child.cmdline())]
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)

    def status(self) -> dict:
        return httpx.get(f"{self.running.page_url}/api/status", trust_env=False, timeout=10).raise_for_status().json()

    async def until(self, holds, what: str):
        """Wait for something to become true; its value."""
        with anyio.move_on_after(PATIENCE_S):
            while not (value := await anyio.to_thread.run_sync(holds)):
                await anyio.sleep(0.1)
            return value
        raise TimeoutError(f"waited {PATIENCE_S} s for {what}")

    async def images_recorded(self, ref: CollectionRef, n: int) -> Images:
        def images():
            found = self.recorded.images(ref)
            return found if found.n_found + found.n_failed >= n else None

        return await self.until(images, f"{n} images of {ref} in the database")

    def world(self):
        """A connection of the outside world."""
        return outside(self.running.broker)


async def centre_of(bus: StompBus, ref: CollectionRef, patience_s: float = PATIENCE_S) -> GridResult:
    """The first grid result of a collection on the beamline's queue."""
    with anyio.fail_after(patience_s):
        async with bus.subscribe(bus.topology.queue(f"xrc.{ref.beamline}"), prefetch=1) as deliveries:
            async for delivery in deliveries:
                await bus.settle(delivery)
                result = GridResult.model_validate_json(delivery.body)
                if result.collection == ref:
                    return result
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def mesh(tmp_path_factory) -> Iterator[RunningUp]:
    home = tmp_path_factory.mktemp("mesh")
    overrides = {"ingester": {"zocalo": {"ispyb_url": f"sqlite+aiosqlite:///{home}/ispyb.sqlite"}}}
    (home / "overrides.json").write_bytes(orjson.dumps(overrides))
    command = [sys.executable, "-m", "cli", "up", "--home", str(home), "--data-root", str(home / "data")]
    command += ["--page-port", "0", "--settings", str(home / "overrides.json")]
    with (home / "up.log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield RunningUp(home, psutil.Process(started.pid), _wait_until_up(home, started))
    finally:
        started.send_signal(signal.SIGTERM)
        status = started.wait(60)
    assert status == 0, (home / "up.log").read_text()


def _wait_until_up(home: Path, started: subprocess.Popen) -> RunningMesh:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and started.poll() is None:
        try:
            return RunningMesh.find(home)
        except NoMeshError:
            time.sleep(0.2)
    raise AssertionError(f"the mesh did not come up:\n{(home / 'up.log').read_text()}")


@pytest.fixture(scope="session", name="small_grid")
def small_grid_() -> GridScan:
    return small_grid()


@pytest.fixture(scope="session")
def small_grid_frames(small_grid, tmp_path_factory) -> Path:
    return cached_frames(small_grid, tmp_path_factory.mktemp("frames"), workers=2)

"""A working mesh on this machine, a beamline beside it, and what each of its processes costs."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import psutil

from benchmarks.mesh.beamline import PATIENCE_S, Beamline
from benchmarks.mesh.reel import Reel
from cli.mesh import Mesh, Plan, SettingsOf, start_mesh
from cli.world import outside

BLOCK_S = 0.25
LARGEST_BLOCK = 128


@dataclass(kw_only=True)
class Rig(Beamline):
    """A mesh and its beamline."""

    mesh: Mesh

    def cpu_s(self) -> dict[str, float]:
        """CPU time so far of each service, of the spot finder's workers, and of the broker [s]."""
        spent = {name: _cpu_s(service.pid) for name, service in self.mesh.services.items()}
        finder = self.mesh.services["spotfinder"].pid
        spent["workers"] = sum(_cpu_s(child.pid) for child in psutil.Process(finder).children(recursive=True))
        return spent | {"broker": _cpu_s(self.mesh.broker.pid if self.mesh.broker else None)}

    def exposure_for(self, block: int) -> float:
        """Exposure time at which the ingester cuts blocks of so many images [s]."""
        return BLOCK_S / block


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@asynccontextmanager
async def working_mesh(home: Path, reel: Reel, workers: int) -> AsyncIterator[Rig]:
    """Broker and services as `mxmesh up` starts them; an announced exposure decides the size of a block."""
    data = reel.file.parent / f"data-{time.time_ns()}"
    data.mkdir()  # beside the reel, since hard links stay on one file system
    overrides: SettingsOf = {
        "ingester": {"block_s": BLOCK_S, "smallest_block": 1, "largest_block": LARGEST_BLOCK},
        "spotfinder": {"workers": workers},
        "writer": {"deadline_s": PATIENCE_S},  # a machine that is busy otherwise shall not make a partial result
    }
    plan = Plan(home, (data,), page_port=0, overrides=overrides, tell=lambda _: None)
    try:
        async with start_mesh(plan) as mesh, outside(mesh.running.broker) as bus, anyio.create_task_group() as tasks:
            rig = Rig(mesh=mesh, bus=bus, reel=reel, data=data)
            tasks.start_soon(rig.hear_centres)
            yield rig
            tasks.cancel_scope.cancel()
    finally:
        shutil.rmtree(data, ignore_errors=True)

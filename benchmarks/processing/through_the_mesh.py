"""Processing asked of a whole mesh: broker, launcher, backend, writer, database."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import psutil

from cli.mesh import Mesh, Plan, start_mesh
from cli.world import outside
from shared.messages import Collection, Parameters, ProcessCollection, ProcessingRecorded, ProcessingResult
from shared.stomp import StompBus

PATIENCE_S = 1800.0


@dataclass(frozen=True)
class Processed:
    """One run through the mesh.

    Attributes:
        seconds: from the request to the result in the database [s].
        until_started_s: from the request to the first program's start [s].
        mesh_cpu_s: CPU time of broker and services meanwhile [s].
    """

    seconds: float
    until_started_s: float
    mesh_cpu_s: float
    result: ProcessingResult

    @property
    def idle_s(self) -> float:
        """How much of it no program of the run was at work [s]."""
        return self.seconds - sum(step.seconds or 0 for step in self.result.steps)

    @property
    def own_percent(self) -> float:
        """The mesh's part of it [%]: no program ran, or broker and services took their share of all cores."""
        return 100 * (self.idle_s + self.mesh_cpu_s / (os.cpu_count() or 1)) / self.seconds

    def times(self) -> dict[str, float]:
        """What was measured [s]."""
        return {
            "seconds": self.seconds,
            "until_started_s": self.until_started_s,
            "idle_s": self.idle_s,
            "mesh_cpu_s": self.mesh_cpu_s,
        }


@dataclass(frozen=True)
class Rig:
    """A working mesh, and a bus to ask it."""

    mesh: Mesh
    bus: StompBus

    async def process(self, collection: Collection, parameters: Parameters, attempt: int) -> Processed:
        """Ask for one run and wait for its result.

        Raises:
            AssertionError: the run did not succeed.
        """
        request = ProcessCollection(collection=collection, pipeline="dials", parameters=parameters, attempt=attempt)
        heard = "/topic/VirtualTopic.ProcessingRecorded"
        async with self.bus.subscribe(heard, prefetch=1) as deliveries:
            asked_at, begun, used_s = time.time(), time.perf_counter(), self.cpu_s()
            await self.bus.publish(request)
            with anyio.fail_after(PATIENCE_S):
                async for delivery in deliveries:
                    result = ProcessingRecorded.model_validate_json(delivery.body).result
                    await self.bus.settle(delivery)
                    if result.run.run_id == request.run_id:
                        break
        seconds = time.perf_counter() - begun
        if result.state != "succeeded" or result.started_at is None:
            raise AssertionError(f"{result.run.run_id} {result.state}: {result.reason}")
        return Processed(seconds, result.started_at.timestamp() - asked_at, self.cpu_s() - used_s, result)

    def cpu_s(self) -> float:
        """CPU time so far of broker, services and the spot finder's workers [s]; runs are no children of theirs."""
        own = [self.mesh.broker.pid if self.mesh.broker else None, *(s.pid for s in self.mesh.services.values())]
        parents = [psutil.Process(pid) for pid in own if pid]
        processes = [*parents, *(child for parent in parents for child in parent.children(recursive=True))]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


@asynccontextmanager
async def working_mesh(home: Path, data: Path, launcher: dict[str, Any]) -> AsyncIterator[Rig]:
    """A mesh as `mxmesh up` starts it; ``launcher`` holds settings of the launcher, such as its backend."""
    overrides = {"launcher": {"niceness": 0, **launcher}}
    plan = Plan(home, (data,), page_port=0, overrides=overrides, tell=lambda _: None)
    async with start_mesh(plan) as mesh, outside(mesh.running.broker) as bus:
        yield Rig(mesh, bus)

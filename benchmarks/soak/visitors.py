"""Who looks at the mesh meanwhile: a browser on its page, and somebody at a terminal."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import anyio
import httpx
import orjson

from benchmarks.soak.judgement import Row

PATHS = ("/", "/api/status", "/metrics")
VISIT_S, COMMAND_S = 15.0, 10.0
GRIDS_PER_LOOK = 3
PAGE_FLOOR_MS = 20.0
LOOKS = (("dlq", "list"), ("status",), ("runs",))
QUEUES = ("DLQ.data-collection", "DLQ.find-spots")


@dataclass
class Browser:
    """Follows the page's events, looks at it after every few grids, leaves after a while and comes again.

    By number of grids, so that its share of the aggregator's CPU time per image does not depend on their speed.
    """

    url: str
    n_grids: Callable[[], int]
    n_visits: int = 0
    _took_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def watch(self) -> None:
        """Until cancelled."""
        seen = 0
        while True:
            self.n_visits += 1
            async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60) as client:
                with anyio.move_on_after(VISIT_S):
                    async for _ in _changes(client):
                        if self.n_grids() >= seen + GRIDS_PER_LOOK:
                            seen = self.n_grids()
                            for path in PATHS:
                                await self._look(client, path)

    async def _look(self, client: httpx.AsyncClient, path: str) -> None:
        began = time.perf_counter()
        (await client.get(path)).raise_for_status()
        self._took_ms[path].append(1e3 * (time.perf_counter() - began))

    def times(self) -> dict[Row, float]:
        """Medians since the last call."""
        took_ms, self._took_ms = self._took_ms, defaultdict(list)
        return {
            Row("page", path, "ms", PAGE_FLOOR_MS, by_clock=True): median(values) for path, values in took_ms.items()
        }


async def _changes(client: httpx.AsyncClient) -> AsyncIterator[str]:
    async with client.stream("GET", "/events") as events:
        async for line in events.aiter_lines():
            if line == "event: change":
                yield line


@dataclass
class Operator:
    """Types one command after another, each a process with a connection of its own.

    Attributes:
        n_dropped: dead letters that were taken away.
    """

    home: Path
    n_commands: int = 0
    n_dropped: int = 0

    @property
    def knows_all(self) -> bool:
        """Whether each command was typed: what a command asks for by name, the broker makes at the first time."""
        return self.n_commands >= len(LOOKS) + len(QUEUES)

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            for words in LOOKS:
                await self._type(*words)
                await anyio.sleep(COMMAND_S)
            await self.drop()

    async def drop(self) -> None:
        """Empty the dead letter queues."""
        for queue in QUEUES:
            self.n_dropped += orjson.loads(await self._type("dlq", "drop", queue, "--yes"))["messages"]

    async def _type(self, *words: str) -> bytes:
        """`mxmesh status` says by its exit status, too, how the mesh is; nobody minds dead letters here."""
        command = [sys.executable, "-m", "cli", *words, "--json", "--home", str(self.home)]
        with anyio.CancelScope(shield=True):
            done = await anyio.run_process(command, check=False, stderr=subprocess.STDOUT)
        if done.returncode and words != ("status",):
            raise AssertionError(f"mxmesh {' '.join(words)}: {done.stdout.decode()}")
        self.n_commands += 1
        return done.stdout

"""How long a COMMIT takes: as the services tell in their beats, and measured by a client of our own."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import anyio
import orjson

from benchmarks.figures import percentile
from benchmarks.soak.judgement import Row, Rule
from shared.messages import ServiceBeat
from shared.stomp import StompBus

PAUSE_S, N_AT_ONCE, N_IN_HAND, LEAST_COMMITS = 1.0, 50, 20, 10
FLOOR_MS, BUSY_MS = 0.2, 2.0  # a busy disk adds to medians
PROBE = "probe (SEND, ACK, COMMIT)"
Times = defaultdict[str, list[float]]


@dataclass
class Commits:
    """Times of COMMIT since the last look: of the services' beats, and of our own transactions [ms]."""

    bus: StompBus
    _beats_ms: Times = field(default_factory=lambda: defaultdict(list))
    _own_ms: list[float] = field(default_factory=list)

    async def measure(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear)
            tasks.start_soon(self._probe)

    def times(self) -> dict[Row, float]:
        """Since the last call. Our quick ones tell of the broker, whatever else the machine does."""
        beats_ms, own_ms = self._beats_ms, self._own_ms
        self._beats_ms, self._own_ms = defaultdict(list), []
        told = {_row(f"{who}, median", BUSY_MS, by_clock=True): median(ms) for who, ms in beats_ms.items()}
        if not own_ms:
            return told
        own = {_row(f"{PROBE}, p10", FLOOR_MS): percentile(own_ms, 10)}
        own[_row(f"{PROBE}, median", BUSY_MS, by_clock=True)] = median(own_ms)
        return own | {Row("COMMIT", f"{PROBE}, longest", "ms", 0.0, Rule.TOLD): max(own_ms)} | told

    def note(self, beat: dict[str, Any]) -> None:
        """What one service tells; a median of few says little, and older services tell nothing."""
        if beat.get("commits", 0) >= LEAST_COMMITS:
            self._beats_ms[beat["service"]].append(beat["commit_median_ms"])

    async def _hear(self) -> None:
        source = self.bus.topology.source(ServiceBeat, "aggregator")
        async with self.bus.subscribe(source, prefetch=100) as beats:
            async for beat in beats:
                await self.bus.settle(beat)
                self.note(orjson.loads(beat.body))

    async def _probe(self) -> None:
        """Messages go round on one subscription: each is sent again and acknowledged in a transaction.

        As often as a service commits at this speed, and with as many in hand: what slows a broker down may be kept for
        each subscription, and searched for each delivery in hand.
        """
        queue, n = self.bus.topology.queue("soak-probe"), 0
        for _ in range(N_IN_HAND):
            await self.bus.send_raw(queue, b"x" * 500)
        async with self.bus.subscribe(queue, prefetch=N_IN_HAND) as deliveries:
            async for delivery in deliveries:
                began = time.perf_counter()
                await self.bus.forward(delivery, queue)
                took_ms = 1e3 * (time.perf_counter() - began)
                self._own_ms.append(took_ms)
                n += 1
                if n % N_AT_ONCE == 0:
                    await anyio.sleep(PAUSE_S)


def _row(name: str, floor_ms: float, *, by_clock: bool = False) -> Row:
    return Row("COMMIT", name, "ms", floor_ms, by_clock=by_clock)

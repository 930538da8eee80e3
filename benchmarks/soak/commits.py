"""How long a COMMIT takes: as the services tell in their beats, else measured by a client of our own."""

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

BEATS_S, PAUSE_S, N_AT_ONCE, N_IN_HAND = 12.0, 1.0, 50, 20
FLOOR_MS = 0.2
PROBE = "probe (SEND, ACK, COMMIT)"
Times = defaultdict[str, list[float]]


@dataclass
class Commits:
    """Times of COMMIT by who measured them [ms], since the last look."""

    bus: StompBus
    _median_ms: Times = field(default_factory=lambda: defaultdict(list))
    _longest_ms: Times = field(default_factory=lambda: defaultdict(list))

    async def measure(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear)
            await anyio.sleep(BEATS_S)
            if not self._median_ms:
                tasks.start_soon(self._probe)

    def times(self) -> dict[Row, float]:
        """Since the last call. The quick ones tell of the broker, whatever else the machine does."""
        typical, longest = self._median_ms, self._longest_ms
        self._median_ms, self._longest_ms = defaultdict(list), defaultdict(list)
        quick = {_row(f"{who}, p10"): percentile(ms, 10) for who, ms in typical.items()}
        middle = {_row(f"{who}, median", by_clock=True): median(ms) for who, ms in typical.items()}
        slow = {_row(f"{who}, longest", rule=Rule.TOLD): max(ms) for who, ms in longest.items()}
        return quick | middle | slow

    async def _hear(self) -> None:
        source = self.bus.topology.source(ServiceBeat, "aggregator")
        async with self.bus.subscribe(source, prefetch=100) as beats:
            async for beat in beats:
                await self.bus.settle(beat)
                self._note(orjson.loads(beat.body))

    def _note(self, beat: dict[str, Any]) -> None:
        """Services that do not tell, or made no COMMIT, have no such field, or nothing in it."""
        for word, times in (("median", self._median_ms), ("longest", self._longest_ms)):
            for name, value in beat.items():
                if "commit" in name and word in name and value is not None:
                    times[beat["service"]].append(float(value))

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
                self._median_ms[PROBE].append(took_ms)
                self._longest_ms[PROBE].append(took_ms)
                n += 1
                if n % N_AT_ONCE == 0:
                    await anyio.sleep(PAUSE_S)


def _row(name: str, rule: Rule = Rule.FLAT, *, by_clock: bool = False) -> Row:
    return Row("COMMIT", name, "ms", FLOOR_MS, rule, by_clock)

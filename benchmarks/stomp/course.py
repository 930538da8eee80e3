"""What every client has to do, and how its work is measured."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

BODY = b"x" * 2048
PREFETCH = 100


@dataclass(frozen=True)
class Place:
    """Where a client works."""

    host: str
    port: int
    user: str
    password: str
    queue: str
    replies: str


@dataclass
class Usage:
    """What some work took: wall time and this process's CPU time [s], threads included."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what is done within."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


class Contestant(Protocol):
    """One client library; connecting is not measured, the last frame's arrival at the broker is waited for."""

    name: str

    def receive(self, place: Place, n: int) -> Usage:
        """Take ``n`` messages and acknowledge each by its own ACK, without a receipt."""
        ...

    def send(self, place: Place, n: int) -> Usage:
        """Send ``n`` persistent messages, without receipts."""
        ...

    def transact(self, place: Place, n: int, in_flight: int) -> Usage | None:
        """Answer ``n`` messages, reply and ACK in one transaction, COMMIT's receipt awaited; None: it cannot."""
        ...

"""How a service is: counted by the loop, said in its beats, shown by its probes."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from shared.messages import ClockJump, ServiceBeat, now


@dataclass
class Pulse:
    """Counters and readiness of one service process.

    Attributes:
        commit_times_s: how long each COMMIT since the last call took, until its receipt [s]; a bounded number of them.
    """

    service: str
    started_at: datetime = field(default_factory=now)
    handled: int = 0
    rejected: int = 0
    prepared: bool = False
    broker_connected: Callable[[], bool] = lambda: False
    commit_times_s: Callable[[], Sequence[float]] = tuple
    clock_jump: Callable[[], ClockJump | None] = lambda: None

    @property
    def waiting_for(self) -> str | None:
        """What is missing for readiness."""
        if not self.broker_connected():
            return "not connected to the broker, or not subscribed"
        return None if self.prepared else "still preparing"

    @property
    def ready(self) -> bool:
        """Whether messages can be handled now."""
        return self.waiting_for is None

    def move(self, jump: ClockJump) -> None:
        """The clock was put: the start is as long ago as it was."""
        self.started_at += timedelta(seconds=jump.put_s)

    def beat(self, interval_s: float) -> ServiceBeat:
        """The status message of this moment; the next one tells of later COMMITs only."""
        commits_ms = [1000 * seconds for seconds in self.commit_times_s()]
        return ServiceBeat(
            service=self.service,
            instance=f"{socket.gethostname()}:{os.getpid()}",
            started_at=self.started_at,
            at=now(),
            interval_s=interval_s,
            clock_jump=self.clock_jump(),
            handled=self.handled,
            rejected=self.rejected,
            commits=len(commits_ms),
            commit_median_ms=median(commits_ms) if commits_ms else None,
            commit_longest_ms=max(commits_ms, default=None),
        )

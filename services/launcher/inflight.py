"""The runs between their submission and the publication of their end; bounds how many there are."""

import anyio

from services.launcher.runs import Job, RunStatus
from shared.messages import Urgency


class InFlight:
    """What the handler has submitted and the supervisor follows.

    Args:
        slots: runs at a time; runs adopted after a restart count, too.
        secondary_slots: secondary runs begin only while fewer runs than this are there; None: as many as ``slots``.
    """

    def __init__(self, slots: int, secondary_slots: int | None = None) -> None:
        self._slots = slots
        self._secondary_slots = min(secondary_slots or slots, slots)
        self._n_primary_waiting = 0
        self._reserved: set[str] = set()
        self._jobs: dict[str, Job] = {}
        self._last: dict[str, RunStatus] = {}
        self._freed = anyio.Event()

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._jobs

    @property
    def full(self) -> bool:
        """Whether a further run has to wait."""
        return len(self._reserved) >= self._slots

    def jobs(self) -> list[Job]:
        """All that are followed now."""
        return list(self._jobs.values())

    async def reserve(self, run_id: str, urgency: Urgency = "primary") -> None:
        """Wait for a free slot and take it; a run that holds one already keeps that. Primary runs go first."""
        is_primary = urgency == "primary"
        self._n_primary_waiting += is_primary
        try:
            while run_id not in self._reserved and not self._has_room(urgency):
                await self._freed.wait()
        finally:
            self._n_primary_waiting -= is_primary
            self._wake()
        self._reserved.add(run_id)

    def _has_room(self, urgency: Urgency) -> bool:
        if urgency == "primary":
            return not self.full
        return self._n_primary_waiting == 0 and len(self._reserved) < self._secondary_slots

    def _wake(self) -> None:
        self._freed.set()
        self._freed = anyio.Event()

    def follow(self, job: Job) -> None:
        """The run is submitted, or adopted."""
        self._reserved.add(job.run_id)
        self._jobs[job.run_id] = job

    def release(self, run_id: str) -> None:
        """The run's end is known, or it never began: its slot is free."""
        self._reserved.discard(run_id)
        self._jobs.pop(run_id, None)
        self._last.pop(run_id, None)
        self._wake()

    def is_news(self, run_id: str, status: RunStatus) -> bool:
        """Whether a status has not been told yet."""
        return self._last.get(run_id) != status

    def told(self, run_id: str, status: RunStatus) -> None:
        """Remember what was told."""
        self._last[run_id] = status

"""Knows when a run has to end: at its limits of time and memory, or when it is told to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ALIVE_INTERVAL_S = 5.0
MEMORY_INTERVAL_S = 1.0
STILL_S = 10.0  # longest pause between two looks; a longer one means that all stood still, the programs, too
GB = 1e9
PAGE = os.sysconf("SC_PAGE_SIZE")
START_TICKS, RESIDENT_PAGES = 19, 21  # fields of /proc/PID/stat behind the program's name


class StoppedError(Exception):
    """The run ends before its last step: timed out, cancelled, or out of memory, which cannot wait."""

    def __init__(self, state: str, reason: str, *, at_once: bool = False) -> None:
        super().__init__(reason)
        self.state = state
        self.at_once = at_once


def stat_fields(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def start_ticks(pid: int) -> int | None:
    """When a living process started, in clock ticks since boot; with its id it names the process. None: not alive."""
    fields = stat_fields(pid)
    return int(fields[START_TICKS]) if fields and fields[0] not in "ZX" else None


def resident_bytes(session: int) -> dict[int, int]:
    """Memory of every process of a session, by process id; what several share counts for each [bytes]."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    of_processes = ((pid, stat_fields(pid)) for pid in pids if is_in(session, pid))
    return {pid: int(fields[RESIDENT_PAGES]) * PAGE for pid, fields in of_processes if fields}


def is_in(session: int, pid: int) -> bool:
    """Whether a process belongs to a session."""
    try:
        return os.getsid(pid) == session
    except OSError:
        return False


def proportional_bytes(pid: int, resident: int) -> int:
    """Memory of a process and its part of what it shares; that with all it shares, if the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # a kernel before 4.14, or another user's process
        return resident if stat_fields(pid) else 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def used_bytes(session: int, limit: float) -> int:
    """Memory of all processes of a session.

    Shared memory counts once only above the limit: the exact figure costs the kernel a look at every page.
    """
    resident = resident_bytes(session)
    total = sum(resident.values())
    return total if total <= limit else sum(proportional_bytes(*each) for each in resident.items())


class Watch:
    """Ends a run at its limits, or when told by SIGTERM or SIGINT. Shows meanwhile that it lives.

    Args:
        job: the content of job.json.
        claim: the file whose age says how long ago the run was alive.
        monotonic: time that no clock spoils; it may go on while a machine is suspended, or a job of Slurm [s].
    """

    def __init__(self, job: dict[str, Any], claim: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._claim = claim
        self._monotonic = monotonic
        self._last_look = monotonic()
        self._end = self._last_look + job["time_limit_s"]
        self._next_sign = self._next_look = 0.0
        self._told = ""
        signal.signal(signal.SIGTERM, self._listen)
        signal.signal(signal.SIGINT, self._listen)

    def _listen(self, number: int, _frame: object) -> None:
        self._told = signal.Signals(number).name

    def check(self, session: int | None = None) -> None:
        """Raises StoppedError when the run has to end; a session is that of a program that runs."""
        if self._told:
            raise StoppedError("cancelled", f"stopped by {self._told}")
        now = self._monotonic()
        if now - self._last_look > STILL_S:
            self._end += now - self._last_look
        self._last_look = now
        if now > self._end:
            raise StoppedError("timed out", f"not done within the time limit of {self._job['time_limit_s']:g} s")
        if session is not None and now > self._next_look:
            self._check_memory(session)
            self._next_look = now + MEMORY_INTERVAL_S
        if now > self._next_sign:
            self._next_sign = now + ALIVE_INTERVAL_S
            os.utime(self._claim)

    def _check_memory(self, session: int) -> None:
        limit_gb = self._job.get("memory_gb")
        if limit_gb is None or (used := used_bytes(session, limit_gb * GB)) <= limit_gb * GB:
            return
        what = f"its processes use {used / GB:.3g} GB, more than the limit of {limit_gb:g} GB"
        remedy = f"raise memory_gb.{self._job['request']['pipeline']} in the launcher's settings"
        raise StoppedError("failed", f"out of memory: {what}; {remedy}", at_once=True)

"""Runs on this machine: detached wrappers that outlive the launcher, found again by an index of unfinished runs."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass

from anyio import to_thread

from services.launcher.backends import BackendError
from services.launcher.backends.index import IndexedBackend
from services.launcher.payload import watch, wrapper
from services.launcher.runs import Claim, Ending, Job, RunDirectory, RunStatus, StepRecord
from shared.messages import RunState, now

START_TIMEOUT_S = 20.0
SILENT_S = 60.0  # a wrapper elsewhere, which cannot be looked at, says every 5 s that it lives


@dataclass(frozen=True, slots=True)
class LocalBackend(IndexedBackend):
    """Starts one detached wrapper per run."""

    async def submit(self, job: Job) -> None:
        """See ``Backend``. The directory's job.json is the memory; of two wrappers one finds the other's claim."""
        try:
            await to_thread.run_sync(self._submit, job)
        except OSError as fault:
            raise BackendError(f"cannot prepare {job.directory}: {fault}") from fault

    def _submit(self, job: Job) -> None:
        directory = RunDirectory(job.directory)
        directory.prepare(job)
        self.index.add(job)
        if directory.claim() is None and directory.ending() is None:
            self._start(directory, directory.job() or job)

    def _start(self, directory: RunDirectory, job: Job) -> None:
        """Returns once the wrapper has claimed the run; if it cannot, that is the run's end."""
        arguments = [str(self.python), wrapper.__file__, "--detach", str(directory.path)]
        try:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=job.environment,
                timeout=START_TIMEOUT_S,
                check=False,
            )
            words = done.stderr.decode(errors="replace").strip()
        except (OSError, subprocess.SubprocessError) as fault:
            words = str(fault)
        if directory.claim() is None:
            words = words or wrapper.last_words(directory.path / wrapper.OWN_LOG)
            directory.end(Ending(state=RunState.FAILED, reason=f"the wrapper did not start: {words}", ended_at=now()))

    async def status(self, job: Job) -> RunStatus | None:
        """See ``Backend``. What the wrapper wrote at its end is read first; a wrapper that vanished is lost."""
        return await to_thread.run_sync(self._status, job)

    def _status(self, job: Job) -> RunStatus | None:
        directory = RunDirectory(job.directory)
        if (ending := directory.ending()) is not None:
            return RunStatus(ending.state, ending.steps, ending)
        claim, steps = directory.claim(), directory.steps()
        if claim is None:
            return RunStatus(RunState.QUEUED) if directory.job() else None
        if _lives(claim) if claim.host == socket.gethostname() else self._is_heard_elsewhere(job):
            return RunStatus(RunState.RUNNING, steps)
        return _lost(directory, claim, steps)

    def _is_heard_elsewhere(self, job: Job) -> bool:
        sign = RunDirectory(job.directory).sign(wrapper.CLAIM)
        return sign is not None and self.signs.silence_s(job.run_id, "wrapper", sign) < SILENT_S

    async def cancel(self, job: Job) -> None:
        """See ``Backend``. A wrapper that claims the run just now either sees the end or is seen here."""
        directory = RunDirectory(job.directory)
        directory.end_unbegun()
        claim = directory.claim()
        if claim and claim.host == socket.gethostname() and _lives(claim):
            os.kill(claim.pid, signal.SIGTERM)

    async def logs(self, job: Job) -> str:
        """See ``Backend``. What the wrapper itself said."""
        return await to_thread.run_sync(RunDirectory(job.directory).text, wrapper.OWN_LOG)


def _lives(claim: Claim) -> bool:
    """Whether a wrapper of this machine is there."""
    return claim.boot_id == wrapper.boot_id() and watch.start_ticks(claim.pid) == claim.start_ticks


def _lost(directory: RunDirectory, claim: Claim, steps: tuple[StepRecord, ...]) -> RunStatus:
    """The wrapper is gone without a word; unless it wrote its last at this very moment, we write for it."""
    _end_orphan(claim, steps)
    last = f" during {steps[-1].name}" if steps else ""
    words = wrapper.last_words(directory.path / wrapper.OWN_LOG)
    reason = f"its process {claim.pid} on {claim.host} vanished{last} (killed, out of memory, or restart): {words}"
    ending = directory.ending_without_wrapper(RunState.LOST, reason, pid=claim.pid)
    directory.end(ending)
    written = directory.ending() or ending
    return RunStatus(written.state, written.steps, written)


def _end_orphan(claim: Claim, steps: tuple[StepRecord, ...]) -> None:
    """A program whose wrapper was killed goes on; end it, if the process is really that program."""
    program = steps[-1] if steps else None
    if program is None or program.state != "running" or program.pid is None or claim.host != socket.gethostname():
        return
    if claim.boot_id == wrapper.boot_id() and watch.start_ticks(program.pid) == program.start_ticks:
        os.killpg(program.pid, signal.SIGKILL)

"""Runs as Slurm jobs: the wrapper's files are read first, Slurm is asked where they say nothing."""

import json
import logging
import time
from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.backends.index import IndexedBackend
from services.launcher.backends.scripts import prepare_with_scripts
from services.launcher.backends.slurm.answers import SlurmJob
from services.launcher.backends.slurm.client import Slurmrestd
from services.launcher.backends.slurm.reading import end_of, stopped_by, waits_for
from services.launcher.backends.slurm.requests import LOG, submission
from services.launcher.payload import wrapper
from services.launcher.runs import Ending, Job, RunDirectory, RunStatus
from shared.messages import RunState

LATE = 3.0  # times as long as we wait for slurmrestd, which itself waits longer for slurmctld
ASKED, SUBMITTED, CANCEL, CANCELLED = "slurm-asked.json", "slurm.json", "slurm-cancel", "slurm-cancelled"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlurmBackend(IndexedBackend):
    """Submits one job per run.

    Attributes:
        slurm: which is asked.
        ended: when a run's job was first seen to be over, by run [monotonic s].
    """

    slurm: Slurmrestd
    ended: dict[str, float] = field(default_factory=dict)
    submitting: anyio.Lock = field(default_factory=anyio.Lock)

    async def submit(self, job: Job) -> None:
        """See ``Backend``. A job whose submission was asked for before is looked for by name."""
        directory = RunDirectory(job.directory)
        async with self.submitting:
            try:
                prepared = await to_thread.run_sync(prepare_with_scripts, job)
            except OSError as fault:
                raise BackendError(f"cannot prepare {job.directory}: {fault}") from fault
            await to_thread.run_sync(self.index.add, prepared)
            if not (_job_id(directory) or directory.claim() or directory.ending()):
                job_id = await self._found(prepared) or await self._asked_for(prepared)
                await to_thread.run_sync(wrapper.write_once, directory.path / SUBMITTED, {"job_id": job_id})

    async def _found(self, job: Job) -> int | None:
        """The job whose submission was answered by nobody."""
        await self.slurm.negotiated()
        if await to_thread.run_sync(wrapper.write_once, job.directory / ASKED, {"name": job.run_id}):
            return None
        known = await self.slurm.jobs_named(job.run_id)
        await to_thread.run_sync((job.directory / ASKED).touch)
        return next((found.job_id for found in known if found.state != "CANCELLED"), None)

    async def _asked_for(self, job: Job) -> int:
        """The id of a new job; one that Slurm took although it could never start is withdrawn."""
        version = await self.slurm.negotiated()
        answer = await self.slurm.submit(submission(job, self.python, self.slurm.settings, version))
        if answer.job_id is None:
            raise BackendError(f"Slurm took {job.run_id}, but told no job id; look for that name in `squeue`")
        if answer.never_starts:
            await self.slurm.cancel(answer.job_id)
            raise BackendError(
                f"Slurm would never start it: {answer.words}; look at slurm.partition, cpus, memory_gb and time_limit_s"
            )
        return answer.job_id

    async def status(self, job: Job) -> RunStatus | None:
        """See ``Backend``. Slurm is asked while a run waits or is silent; if it is away, the files have the word."""
        directory = RunDirectory(job.directory)
        try:
            return await self._status(job, directory)
        except BackendDownError as down:
            return directory.under_way(str(down))

    async def _status(self, job: Job, directory: RunDirectory) -> RunStatus | None:
        """A run has not ended as cancelled while a job of it may be left in Slurm."""
        ending = directory.ending()
        if (directory.path / CANCEL).exists() and not (ending and directory.claim()):
            await self._withdraw(job)
        if ending is not None:
            return await self._judged(directory, ending)
        if directory.job() is None:
            return None
        if (job_id := _job_id(directory)) is None:
            return directory.under_way()
        return await self._asked(job, job_id, directory)

    async def _asked(self, job: Job, job_id: int, directory: RunDirectory) -> RunStatus:
        """What Slurm says; a last word of the wrapper that came meanwhile wins."""
        if directory.is_heard:
            return directory.under_way()
        found = await self.slurm.job(job_id)
        if found is None or found.ended:
            await self._end(job, job_id, found)
        if (ending := directory.ending()) is not None:
            self.ended.pop(job.run_id, None)
            return await self._judged(directory, ending)
        return directory.under_way(waits_for(found) if found else None)

    async def _judged(self, directory: RunDirectory, ending: Ending) -> RunStatus:
        """A wrapper that was told to stop, and not by us, does not know why; Slurm does."""
        stopped = ending.state is RunState.CANCELLED and directory.claim() is not None
        job_id = _job_id(directory)
        if stopped and job_id is not None and not any((directory.path / name).exists() for name in (CANCEL, CANCELLED)):
            found = await self.slurm.job(job_id)
            if found and not found.ended:
                return RunStatus(RunState.RUNNING, ending.steps)
            ending = stopped_by(found, ending)
        return RunStatus(ending.state, ending.steps, ending)

    async def _end(self, job: Job, job_id: int, found: SlurmJob | None) -> None:
        """Write the end in the wrapper's place, unless its own may still be on the way through the file system."""
        first_seen = self.ended.setdefault(job.run_id, time.monotonic())
        if time.monotonic() - first_seen < self.slurm.settings.file_delay_s:
            return
        directory = RunDirectory(job.directory)
        state, reason = end_of(found, job_id)
        words = wrapper.last_words(directory.path / LOG)
        ending = directory.ending_without_wrapper(state, f"{reason}; {LOG}: {words}")
        await to_thread.run_sync(directory.end, ending)

    async def cancel(self, job: Job) -> None:
        """See ``Backend``. The wish is written down, so that Slurm gets it even if it is away now."""
        directory = RunDirectory(job.directory)
        directory.end_unbegun()
        await to_thread.run_sync((directory.path / CANCEL).touch)
        try:
            await self._withdraw(job)
        except BackendDownError as down:
            log.warning("run %s is cancelled once Slurm answers: %s", job.run_id, down)

    async def _withdraw(self, job: Job) -> None:
        """Every job of the run's name: a submission that nobody answered may have made one, or make one yet.

        Raises:
            BackendDownError: Slurm is away, or may have such a submission in hand.
        """
        job_id, asked = _job_id(RunDirectory(job.directory)), job.directory / ASKED
        if asked.exists():
            named = [found.job_id for found in await self.slurm.jobs_named(job.run_id) if not found.ended]
            for each in named:
                await self.slurm.cancel(each)
            if job_id is None and not named and time.time() - asked.stat().st_mtime < self._late_s:
                raise BackendDownError("cancelled; Slurm has not told yet whether it made a job of it")
        if (job.directory / CANCEL).exists():
            (job.directory / CANCEL).rename(job.directory / CANCELLED)

    @property
    def _late_s(self) -> float:
        """So long after we asked for a job, slurmrestd may still hand that on to slurmctld."""
        return LATE * self.slurm.settings.request_timeout_s

    async def forget(self, job: Job) -> None:
        """See ``Backend``."""
        self.ended.pop(job.run_id, None)  # the wrapper's own end may have come while its delay was counted
        await IndexedBackend.forget(self, job)

    async def logs(self, job: Job) -> str:
        """See ``Backend``. The job's standard output, where Slurm and the wrapper complain."""
        return await to_thread.run_sync(RunDirectory(job.directory).text, LOG)


def _job_id(directory: RunDirectory) -> int | None:
    try:
        content = json.loads((directory.path / SUBMITTED).read_bytes())
    except (OSError, ValueError):
        return None
    return int(content["job_id"])

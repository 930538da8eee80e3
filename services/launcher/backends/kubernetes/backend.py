"""Runs as Jobs: the wrapper's files on a shared volume are read first, the cluster is asked where they say nothing."""

import logging
from dataclasses import dataclass

from anyio import to_thread

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.backends.index import IndexedBackend
from services.launcher.backends.kubernetes.cluster import Cluster
from services.launcher.backends.kubernetes.manifest import job_name, manifest
from services.launcher.backends.kubernetes.reading import OUT_OF_MEMORY, Pod, ran_out_of_memory, read, stopped_by
from services.launcher.backends.scripts import prepare_with_scripts, wrapper_of
from services.launcher.payload import wrapper
from services.launcher.runs import SILENT_S, Ending, Job, RunDirectory, RunStatus
from shared.messages import RunState

CREATED, CANCEL, CANCELLED = "kubernetes.json", "cancel", "cancelled"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KubernetesBackend(IndexedBackend):
    """Creates one Job per run.

    Attributes:
        cluster: where Jobs are created.
    """

    cluster: Cluster

    async def submit(self, job: Job) -> None:
        """See ``Backend``. The Job's name follows from the run, so that it exists once."""
        try:
            prepared = await to_thread.run_sync(self._prepare, job)
        except OSError as fault:
            raise BackendError(f"cannot prepare {job.directory}: {fault}") from fault
        if prepared is not None:
            await self._create(prepared)

    def _prepare(self, job: Job) -> Job | None:
        """The job as it is on the shared volume; None: it was created before."""
        directory, prepared = RunDirectory(job.directory), prepare_with_scripts(job)
        self.index.add(prepared)
        begun = (directory.path / CREATED).exists() or directory.claim() or directory.ending()
        return None if begun else prepared

    async def _create(self, job: Job) -> None:
        command = (str(self.python), str(wrapper_of(job.directory)), str(job.directory))
        wanted = manifest(job, command, self.cluster.settings)
        await self.cluster.create(wanted)
        await to_thread.run_sync(wrapper.write_once, job.directory / CREATED, wanted)

    async def status(self, job: Job) -> RunStatus | None:
        """See ``Backend``. The cluster is asked only while a run waits, is silent, or ended strangely."""
        directory = RunDirectory(job.directory)
        try:
            return await self._status(job, directory)
        except BackendDownError as down:
            return directory.under_way(str(down))

    async def _status(self, job: Job, directory: RunDirectory) -> RunStatus | None:
        """A run has not ended as cancelled while its Job may be left."""
        if (directory.path / CANCEL).exists() and not (directory.ending() and directory.claim()):
            await self._withdraw(job)
        if (ending := directory.ending()) is not None:
            return await self._judged(job, ending)
        if directory.job() is None:
            return None
        if not (directory.path / CREATED).exists():
            return RunStatus(RunState.QUEUED)
        if self.hears(job):
            return RunStatus(RunState.RUNNING, directory.steps())
        return await self._asked(job, directory)

    async def _asked(self, job: Job, directory: RunDirectory) -> RunStatus:
        """What the cluster says; a last word of the wrapper that came meanwhile wins."""
        name = job_name(job.run_id)
        found, pods = await self.cluster.job(name), await self.cluster.pods(name)
        claimed = directory.claim() is not None
        said = read(found, pods, claimed=claimed, cancelled=_is_cancelled(directory), silent=not self.hears(job))
        if said.state.terminal:
            await self._end(job, said, pods)
        if (ending := directory.ending()) is not None:
            return await self._judged(job, ending)
        return RunStatus(said.state, directory.steps(), detail=said.detail)

    async def _end(self, job: Job, said: RunStatus, pods: tuple[Pod, ...]) -> None:
        """Write the end in the wrapper's place, with the container's last lines: Kubernetes will forget them."""
        directory = RunDirectory(job.directory)
        words = (await self.cluster.log(pods[-1])).strip()[-wrapper.LAST_CHARACTERS :] if pods else ""
        known = said.detail or ""
        reason = known if words in known else f"{known}; its last words: {words}"
        ending = directory.ending_without_wrapper(said.state, reason)
        await to_thread.run_sync(directory.end, ending)
        if said.state is RunState.LOST:  # what replaces a lost pod would find the claim and do nothing
            await self.cluster.delete(job_name(job.run_id))

    async def _judged(self, job: Job, ending: Ending) -> RunStatus:
        """The wrapper knows that something was killed or stopped, but only Kubernetes knows why."""
        if ending.state is RunState.FAILED and ending.pid is not None:
            return await self._explained_failure(job, ending)
        if ending.state is RunState.CANCELLED and not _is_cancelled(RunDirectory(job.directory)):
            return await self._explained_stop(job, ending)
        return RunStatus(ending.state, ending.steps, ending)

    async def _explained_failure(self, job: Job, ending: Ending) -> RunStatus:
        pods = await self.cluster.pods(job_name(job.run_id))
        if any(pod.lives for pod in pods) and self.signs.silence_s(job.run_id, "exit") < SILENT_S:
            return RunStatus(RunState.RUNNING, ending.steps)  # the reason is known once the container has ended
        if ran_out_of_memory(pods):
            ending = ending.model_copy(update={"reason": f"{OUT_OF_MEMORY}: {ending.reason}"})
        return RunStatus(ending.state, ending.steps, ending)

    async def _explained_stop(self, job: Job, ending: Ending) -> RunStatus:
        """Nobody here asked for it: the deadline of the Job, a drained node, or somebody who deleted the Job.

        That is written down: Kubernetes will forget it.
        """
        name = job_name(job.run_id)
        said = stopped_by(await self.cluster.job(name), await self.cluster.pods(name))
        ending = ending.model_copy(update={"state": said.state, "reason": f"{said.detail}; {ending.reason}"})
        await to_thread.run_sync(RunDirectory(job.directory).amend, ending)
        if ending.state is RunState.LOST:  # what replaces its pod would do nothing
            await self.cluster.delete(name)
        return RunStatus(ending.state, ending.steps, ending)

    async def cancel(self, job: Job) -> None:
        """See ``Backend``. The wrapper is given its grace; what has not begun never will."""
        directory = RunDirectory(job.directory)
        await to_thread.run_sync((directory.path / CANCEL).touch)
        directory.end_unbegun()
        try:
            await self._withdraw(job)
        except BackendDownError as down:
            log.warning("run %s is cancelled once Kubernetes answers: %s", job.run_id, down)

    async def _withdraw(self, job: Job) -> None:
        await self.cluster.delete(job_name(job.run_id))
        if (job.directory / CANCEL).exists():
            (job.directory / CANCEL).rename(job.directory / CANCELLED)

    async def logs(self, job: Job) -> str:
        """See ``Backend``. The last lines of the container, which has the wrapper's own words."""
        pods = await self.cluster.pods(job_name(job.run_id))
        return await self.cluster.log(pods[-1]) if pods else ""


def _is_cancelled(directory: RunDirectory) -> bool:
    return any((directory.path / name).exists() for name in (CANCEL, CANCELLED))

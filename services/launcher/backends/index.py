"""The runs whose end is not published yet, remembered across restarts of the launcher: one file each."""

from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from services.launcher.remembered import recall, remember
from services.launcher.runs import Job, RunDirectory


@dataclass(frozen=True, slots=True)
class RunIndex:
    """A folder of job descriptions."""

    folder: Path

    def add(self, job: Job) -> None:
        """Remember a run; once this returns, no restart forgets it."""
        remember(self._entry(job), job)

    def remove(self, job: Job) -> None:
        """Forget a run."""
        self._entry(job).unlink(missing_ok=True)

    def jobs(self) -> list[Job]:
        """All that are remembered; a file that cannot be read is left out."""
        return [job for entry in sorted(self.folder.glob("*.json")) if (job := recall(entry, Job))]

    def _entry(self, job: Job) -> Path:
        return self.folder / f"{job.run_id}.json"


@dataclass(frozen=True, slots=True)
class IndexedBackend:
    """What backends have in common that remember their runs in an index.

    Attributes:
        index: the runs whose end is not published.
        python: interpreter of the wrapper, where runs happen.
    """

    index: RunIndex
    python: Path

    async def adopt(self) -> list[Job]:
        """See ``Backend``. No place is asked."""
        return await to_thread.run_sync(self.index.jobs)

    async def forget(self, job: Job) -> None:
        """See ``Backend``. What a place keeps of a run, it forgets by itself."""
        await to_thread.run_sync(RunDirectory(job.directory).mark_published)
        await to_thread.run_sync(self.index.remove, job)

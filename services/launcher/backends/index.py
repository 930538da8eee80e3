"""The runs whose end is not published yet, remembered across restarts of the launcher: one file each."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from services.launcher.payload import wrapper
from services.launcher.remembered import recall, remember
from services.launcher.runs import SILENT_S, Job, RunDirectory
from shared.clock import SignsOfLife


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
        signs: of the runs, as far as this launcher has seen them.
    """

    index: RunIndex
    python: Path
    signs: SignsOfLife = field(default_factory=SignsOfLife, kw_only=True)

    def hears(self, job: Job) -> bool:
        """Whether the run's wrapper has said lately that it lives; if not, its place is to be asked."""
        sign = RunDirectory(job.directory).sign(wrapper.CLAIM)
        if sign is None:
            return False
        return self.signs.silence_s(job.run_id, "wrapper", sign, max(0.0, time.time() - sign / 1e9)) < SILENT_S

    async def adopt(self) -> list[Job]:
        """See ``Backend``. No place is asked."""
        return await to_thread.run_sync(self.index.jobs)

    async def forget(self, job: Job) -> None:
        """See ``Backend``. What a place keeps of a run, it forgets by itself."""
        await to_thread.run_sync(RunDirectory(job.directory).mark_published)
        await to_thread.run_sync(self.index.remove, job)
        self.signs.forget(job.run_id)

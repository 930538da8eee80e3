"""Runs remembered across restarts of the launcher, one file each: those whose end is not published yet."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
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

    def jobs(self, before: datetime | None = None) -> Iterator[Job]:
        """All that are remembered, or those since before a moment; a file that cannot be read is left out."""
        for entry in sorted(self.folder.glob("*.json")):
            if (before is None or _is_older(entry, before)) and (job := recall(entry, Job)):
                yield job

    def _entry(self, job: Job) -> Path:
        return self.folder / f"{job.run_id}.json"


def _is_older(entry: Path, moment: datetime) -> bool:
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime < moment.timestamp()
    return False


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
        return await to_thread.run_sync(list, self.index.jobs())

    async def forget(self, job: Job) -> None:
        """See ``Backend``. What a place keeps of a run, it forgets by itself."""
        await to_thread.run_sync(RunDirectory(job.directory).mark_published)
        await to_thread.run_sync(self.index.remove, job)
        self.signs.forget(job.run_id)

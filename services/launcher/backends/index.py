"""The runs whose end is not published yet, remembered across restarts of the launcher: one file each."""

from dataclasses import dataclass
from pathlib import Path

from services.launcher.runs import Job


@dataclass(frozen=True, slots=True)
class RunIndex:
    """A folder of job descriptions."""

    folder: Path

    def add(self, job: Job) -> None:
        """Remember a run; once this returns, no restart forgets it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._entry(job).with_suffix(".draft")
        draft.write_text(job.model_dump_json())
        draft.replace(self._entry(job))

    def remove(self, job: Job) -> None:
        """Forget a run."""
        self._entry(job).unlink(missing_ok=True)

    def jobs(self) -> list[Job]:
        """All that are remembered; a file that cannot be read is left out."""
        return [job for entry in sorted(self.folder.glob("*.json")) if (job := _read(entry))]

    def _entry(self, job: Job) -> Path:
        return self.folder / f"{job.run_id}.json"


def _read(entry: Path) -> Job | None:
    try:
        return Job.model_validate_json(entry.read_bytes())
    except (OSError, ValueError):
        return None

"""The payload's scripts beside the run, for nodes that have no launcher installed."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from services.launcher.payload import wrapper
from services.launcher.pipelines.model import PAYLOAD
from services.launcher.runs import Job, RunDirectory

FOLDER = "payload"


def wrapper_of(directory: Path) -> Path:
    """The wrapper's copy in a run directory."""
    return directory / FOLDER / Path(wrapper.__file__).name


def prepare_with_scripts(job: Job) -> Job:
    """The job as it is in its directory, with all that a node needs beside it.

    Raises:
        OSError: the directory cannot be written.
    """
    directory = RunDirectory(job.directory)
    directory.prepare(with_own_scripts(job))
    _copy_scripts(job.directory)
    return directory.job() or job


def with_own_scripts(job: Job) -> Job:
    """The job with steps that use the copies in its directory."""
    here, there = f"{PAYLOAD}/", f"{job.directory / FOLDER}/"
    steps = tuple(
        step.model_copy(update={"argv": tuple(word.replace(here, there, 1) for word in step.argv)})
        for step in job.steps
    )
    return job.model_copy(update={"steps": steps})


def _copy_scripts(directory: Path) -> None:
    """Whole or not at all, also when the launcher is killed meanwhile, or another does the same."""
    folder = directory / FOLDER
    if folder.exists():
        return
    with TemporaryDirectory(prefix=f".{FOLDER}", dir=directory) as place:
        draft = Path(place) / FOLDER
        shutil.copytree(PAYLOAD, draft, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise

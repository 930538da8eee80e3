"""Working files of ended runs: what only a run's own later steps read, removed some time after its end."""

import logging
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from services.launcher.backends.index import RunIndex
from services.launcher.payload import wrapper
from services.launcher.plan import RefusedRunError, Table, run_directory
from services.launcher.remembered import parse
from services.launcher.reports import report
from services.launcher.runs import Job, RunDirectory
from services.launcher.settings import Settings

NO_LINK = os.O_RDONLY | os.O_NOFOLLOW
log = logging.getLogger(__name__)


def sweep(ended: RunIndex, before: datetime, settings: Settings, table: Table) -> None:
    """Every run that ended before this moment has its turn, once: a visit may have become read-only."""
    for job in ended.jobs(before):
        pipeline = table.get(job.request.pipeline)
        try:
            removed = remove_working_files(job, pipeline.working if pipeline else (), settings)
            log.info("run %s: removed working files: %s", job.run_id, ", ".join(removed) or "none")
        except OSError as fault:
            log.warning("run %s: its working files stay: %s", job.run_id, fault)
        ended.remove(job)


def remove_working_files(job: Job, patterns: Sequence[str], settings: Settings) -> list[str]:
    """Remove what matches in the run's own directory; what its result names stays, and what links point to.

    Nothing is removed where the directory is not, or not any more, the one that the run had.

    Args:
        job: an ended run.
        patterns: of names in its directory; a folder goes with all that is in it.
        settings: where runs may work.

    Raises:
        OSError: something cannot be removed.
    """
    ending = RunDirectory(job.directory).ending()
    if ending is None or not _is_where_it_was(job, settings):
        return []
    named = {Path(file.path).relative_to(job.directory).parts[0] for file in report(job, ending).files}
    folder = os.open(job.directory, NO_LINK | os.O_DIRECTORY)
    try:
        return list(_remove(folder, patterns, named)) if _is_of(job, folder) else []
    finally:
        os.close(folder)


def _is_where_it_was(job: Job, settings: Settings) -> bool:
    """Whether the path still leads to where a run of this request would work, and not out of its visit."""
    try:
        return run_directory(job.request, settings).absolute() == job.directory
    except RefusedRunError:
        return False


def _is_of(job: Job, folder: int) -> bool:
    """Whether an open directory holds this run, and nobody has put another one in its place."""
    try:
        with os.fdopen(os.open(wrapper.JOB, NO_LINK, dir_fd=folder), "rb") as file:
            found = parse(file.read(), Job)
    except OSError:
        return False
    return found is not None and (found.run_id, found.directory) == (job.run_id, job.directory)


def _remove(folder: int, patterns: Sequence[str], named: Collection[str]) -> Iterator[str]:
    """Below an open directory, so that no link on the way to it matters any more."""
    for name in sorted(os.listdir(folder)):
        if name in named or not any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISREG(mode):
            os.unlink(name, dir_fd=folder)
            yield name
        elif stat.S_ISDIR(mode):
            shutil.rmtree(name, dir_fd=folder)
            yield name

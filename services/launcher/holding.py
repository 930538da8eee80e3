"""What holds a request although nothing is wrong with it: a place that is down, no slot, a full disk."""

import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from services.launcher.launcher import Launcher
from services.launcher.plan import RefusedRunError
from services.launcher.runs import Job, RunStatus
from services.launcher.telling import changed
from shared.messages import RunState

WAITING = RunStatus(RunState.QUEUED)
GB = 1e9


async def hold(job: Job, launcher: Launcher, why: Callable[[], Awaitable[str]]) -> None:
    """Ask again, with growing pauses, until nothing holds the run; every new reason is told."""
    pause_s, told = launcher.settings.poll_s, ""
    while reason := await why():
        if reason != told:
            await launcher.publish(changed(job, WAITING, f"held: {reason}"))
        told = reason
        await anyio.sleep(pause_s)
        pause_s = min(2 * pause_s, launcher.settings.longest_pause_s)


async def take_slot(job: Job, launcher: Launcher) -> None:
    """Wait for a free slot and take it."""
    if not launcher.flights.has_room(job.request.urgency):
        await launcher.publish(changed(job, WAITING, f"waits for one of {launcher.settings.slots} slots"))
    await launcher.flights.reserve(job.run_id, job.request.urgency)


async def take_slot_with_space(job: Job, launcher: Launcher) -> None:
    """The same for a run that has not begun: it waits for disk space first, without a slot.

    Raises:
        RefusedRunError: there was no space in time.
    """
    await _await_space(job, launcher)
    await take_slot(job, launcher)
    while await _lack_of_space(job):  # others may have filled the disk while it waited for the slot
        launcher.flights.release(job.run_id)
        await _await_space(job, launcher)
        await take_slot(job, launcher)


async def _await_space(job: Job, launcher: Launcher) -> None:
    deadline_s = launcher.settings.space_deadline_s
    with anyio.move_on_after(deadline_s):
        await hold(job, launcher, partial(_lack_of_space, job))
    if lack := await _lack_of_space(job):
        raise RefusedRunError(f"{lack}; after {deadline_s:g} s there is still no more: announce the collection again")


async def _lack_of_space(job: Job) -> str:
    """Empty if there is enough. A file system that hangs does not keep the run from being cancelled."""
    return await to_thread.run_sync(lack_of_space, job.directory, job.free_gb, abandon_on_cancel=True)


def lack_of_space(directory: Path, needed_gb: float) -> str:
    """What is wrong with the file system of a directory, which need not exist yet; empty if it has the space."""
    folder = next(folder for folder in (directory, *directory.parents) if folder.exists())
    free_gb = shutil.disk_usage(folder).free / GB
    if free_gb >= needed_gb:
        return ""
    remedy = "make room there, or lower least_free_gb in the launcher's settings"
    return f"{free_gb:.2f} GB free in {folder}, {needed_gb:.2f} GB are needed; {remedy}"

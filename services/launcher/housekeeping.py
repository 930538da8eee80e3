"""What the launcher clears away, so that a year leaves no more behind than a month."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

import anyio
from anyio import to_thread

from services.launcher.launcher import Launcher
from services.launcher.remembered import remove_drafts
from services.launcher.working_files import sweep
from shared.messages import now

INTERVAL_S = 3600.0
UNFINISHED = timedelta(hours=1)  # a draft is written within milliseconds
log = logging.getLogger(__name__)


async def keep_house(launcher: Launcher, clock: Callable[[], datetime] = now) -> NoReturn:
    """Clear away at the start and every hour; what cannot be removed now waits for the next time."""
    while True:
        try:
            await clear_away(launcher, clock())
        except OSError as fault:
            log.warning("cannot clear away what is old: %s", fault)
        await anyio.sleep(INTERVAL_S)


async def clear_away(launcher: Launcher, at: datetime) -> None:
    """Remove what is too old at this moment, file by file in a thread, while messages go on.

    Raises:
        OSError: the state directory is away.
    """
    settings = launcher.settings
    needed = [job.request for job in launcher.flights.jobs()] + [each.request for each in launcher.waiting]
    await to_thread.run_sync(remove_drafts, settings.state_directory, at - UNFINISHED)
    await to_thread.run_sync(launcher.cancellations.forget, at - settings.keep_cancellations, needed)
    if settings.keep_working_files is not None:
        before = at - settings.keep_working_files
        await to_thread.run_sync(sweep, launcher.ended, before, settings, launcher.table)

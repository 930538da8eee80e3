"""Follows every run to its one end, also those that an earlier launcher started."""

import logging
from typing import NoReturn

import anyio
from anyio import to_thread

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.launcher import Launcher
from services.launcher.reports import report
from services.launcher.retries import explained, next_attempt
from services.launcher.runs import Ending, Job, RunStatus
from services.launcher.telling import changed, record_spans, refused, vanished
from shared import logs, telemetry
from shared.bus import BrokerError
from shared.messages import RunState

log = logging.getLogger(__name__)


async def adopt_runs(launcher: Launcher) -> None:
    """Take over what an earlier launcher left unfinished; to be done before the first request, for the slots' sake."""
    for job in await launcher.backend.adopt():
        launcher.flights.follow(job)
        launcher.unconfirmed.add(job.run_id)
        log.info("adopted run %s", job.run_id)


async def supervise(launcher: Launcher) -> NoReturn:
    """Say every change of every run, and its end at least once."""
    while True:
        for job in launcher.flights.jobs():
            logs.collection.set(str(job.ref.collection))
            try:
                with telemetry.continuing(job.traceparent):
                    await look_at(job, launcher)
            except (BrokerError, BackendError, OSError) as fault:
                log.warning("run %s: %s; another try follows", job.run_id, fault)
        await anyio.sleep(launcher.settings.poll_s)


async def look_at(job: Job, launcher: Launcher) -> None:
    """Say what has changed since the last look."""
    status = await _status(job, launcher)
    if launcher.flights.is_news(job.run_id, status):
        await launcher.publish(changed(job, status))
        launcher.flights.told(job.run_id, status)
    if status.ending:
        await _conclude(job, status.ending, launcher)


async def _status(job: Job, launcher: Launcher) -> RunStatus:
    if job.run_id in launcher.unconfirmed:
        try:
            await _confirm(job, launcher)
        except BackendDownError as down:
            return RunStatus(RunState.QUEUED, detail=f"held: {down}")
        except BackendError as refusal:
            return refused(str(refusal))
    return await launcher.backend.status(job) or vanished(job)


async def _confirm(job: Job, launcher: Launcher) -> None:
    """An earlier launcher may have died before the place had the run, or before it heard that the run is cancelled."""
    if await to_thread.run_sync(job.directory.is_dir):
        cancel = await to_thread.run_sync(launcher.cancellations.of, job.request)
        await (launcher.backend.cancel(job) if cancel else launcher.backend.submit(job))
    launcher.unconfirmed.discard(job.run_id)


async def _conclude(job: Job, ending: Ending, launcher: Launcher) -> None:
    """The end is remembered as published only afterwards: whoever dies in between says the same again."""
    cancel = await to_thread.run_sync(launcher.cancellations.of, job.request)
    again = None if cancel else next_attempt(job.request, ending, launcher.settings.retries)
    told = explained(ending, cancel, again)
    await launcher.publish(await to_thread.run_sync(report, job, told))
    if again:
        await launcher.publish(again)
    record_spans(job, told)
    if launcher.settings.keep_working_files is not None:
        await to_thread.run_sync(launcher.ended.add, job)
    await launcher.backend.forget(job)
    launcher.flights.release(job.run_id)
    launcher.unconfirmed.discard(job.run_id)
    log.info("run %s %s", job.run_id, ending.state)

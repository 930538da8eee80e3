"""A processing request in, a submitted run out; what cannot run is a failed result, never silence."""

import logging
import os
from collections.abc import AsyncIterator
from functools import partial

import anyio
from anyio import to_thread
from opentelemetry import trace

from services.launcher.backends import BackendDownError, BackendError
from services.launcher.cancellations import AskedCancel
from services.launcher.holding import WAITING, hold, take_slot, take_slot_with_space
from services.launcher.installed import missing_software
from services.launcher.launcher import Launcher, Waiting
from services.launcher.pipelines import image_file
from services.launcher.pipelines.rules import expand
from services.launcher.plan import RefusedRunError, family_of, pipeline_of, plan_job
from services.launcher.reports import report
from services.launcher.retries import explained
from services.launcher.runs import Job, RunDirectory, RunStatus
from services.launcher.telling import changed, not_begun
from shared import telemetry
from shared.clock import process_clock
from shared.messages import CancellationTaken, CancelProcessing, Message, ProcessCollection, RunState, now

log = logging.getLogger(__name__)


async def launch(request: ProcessCollection, launcher: Launcher) -> AsyncIterator[Message]:
    """Decides what runs if the request names no pipeline; else one run begins.

    Holds the delivery until the data are there, the disk has space, a slot is free and the place answers; done once it
    is submitted.

    A request that comes again finds its run, of which the supervisor tells; only an end that is told already is
    repeated here.
    """
    if not request.pipeline:
        for named in expand(request, launcher.settings.rules):
            yield named
        return
    trace.get_current_span().set_attributes({telemetry.RUN: request.run_id, telemetry.PIPELINE: request.pipeline})
    family = family_of(request, launcher.table)
    try:
        _check_age(request, launcher)
        job = plan_job(request, launcher.settings, launcher.table, os.environ, telemetry.traceparent())
        if job.run_id in launcher.flights:
            return
        known = await launcher.backend.status(job)
        status = known if known and known.ending else await _start(job, known, launcher)
    except (RefusedRunError, BackendError, OSError) as refusal:
        for message in not_begun(request, family, str(refusal)):
            yield message
        return
    if status is None:
        reason = str(await _cancelled(request, launcher) or "cancelled")
        for message in not_begun(request, family, reason, RunState.CANCELLED):
            yield message
        return
    yield changed(job, status)
    if known and known.ending:
        told = explained(known.ending, await _cancelled(request, launcher), None)
        yield await to_thread.run_sync(report, job, told)


async def _start(job: Job, known: RunStatus | None, launcher: Launcher) -> RunStatus | None:
    """The run's status, once the backend has it and the supervisor follows it; None: it is cancelled before that."""
    with anyio.CancelScope() as scope:
        launcher.waiting.append(waiting := Waiting(job.request, scope))
        try:
            if not await _cancelled(job.request, launcher):
                return await _submit(job, known, launcher)
        finally:
            launcher.waiting.remove(waiting)
            if job.run_id not in launcher.flights:
                launcher.flights.release(job.run_id)
    if job.run_id not in launcher.flights and await to_thread.run_sync(RunDirectory(job.directory).job) is None:
        return None
    launcher.flights.follow(job)  # the place has it, or may have got it without having said so
    await launcher.backend.cancel(job)
    return await launcher.backend.status(job) or WAITING


async def _submit(job: Job, known: RunStatus | None, launcher: Launcher) -> RunStatus:
    if known is None:
        await _check_software(job, launcher)
        await _await_master(job, launcher)
        await take_slot_with_space(job, launcher)
    else:
        await take_slot(job, launcher)
    await hold(job, launcher, partial(_hand_over, job, launcher))
    return await launcher.backend.status(job) or WAITING


async def _hand_over(job: Job, launcher: Launcher) -> str:
    """Why the place cannot be reached now; empty once it has the run, which the supervisor then follows."""
    with anyio.CancelScope(shield=True):
        try:
            await launcher.backend.submit(job)
        except BackendDownError as down:
            return str(down)
        except BackendError:
            await launcher.backend.forget(job)
            raise
        launcher.flights.follow(job)
    return ""


async def cancel(asked: AskedCancel, launcher: Launcher) -> AsyncIterator[Message]:
    """End what runs, and let nothing begin that was asked for before; what is unknown is remembered all the same."""
    message = asked.message
    in_hand = [*(job.request for job in launcher.flights.jobs()), *(each.request for each in launcher.waiting)]
    concerned = await to_thread.run_sync(launcher.cancellations.take, message, in_hand)
    submitted = [job for job in launcher.flights.jobs() if job.run_id in concerned]
    for job in submitted:
        await launcher.backend.cancel(job)
    waiting = [each for each in launcher.waiting if each.request.run_id in concerned]
    for each in waiting:
        each.scope.cancel()
    taken = CancellationTaken(
        cancel=message,
        stopped=tuple(job.run_id for job in submitted),
        withdrawn=tuple(each.request.run_id for each in waiting),
        answered_at=now(),
        reply_to=asked.reply_to,
        correlation_id=asked.correlation_id,
    )
    log.info("%s: %s; %s", message.subject, message, ", ".join(taken.runs) or "nothing of it is in hand, so remembered")
    yield taken


async def _cancelled(request: ProcessCollection, launcher: Launcher) -> CancelProcessing | None:
    return await to_thread.run_sync(launcher.cancellations.of, request)


def _check_age(request: ProcessCollection, launcher: Launcher) -> None:
    """Of what is older, a cancellation may be forgotten."""
    if now() - request.asked_at > launcher.settings.keep_cancellations:
        raise RefusedRunError(f"it was asked for on {request.asked_at:%d %B %Y}, too long ago: ask again")


async def _check_software(job: Job, launcher: Launcher) -> None:
    """Only for runs on this machine: elsewhere the programs need not be those that the launcher would find."""
    if launcher.settings.backend != "local":
        return
    pipeline = pipeline_of(job.request, launcher.table)
    search_path = job.environment["PATH"]
    missing = await to_thread.run_sync(missing_software, pipeline, search_path, launcher.settings.python)
    if missing:
        raise RefusedRunError(f"{pipeline.name} needs {', '.join(missing)}: not found; {pipeline.remedy}")


async def _await_master(job: Job, launcher: Launcher) -> None:
    """Wait for the master file outside any slot; its images are awaited by the run's first step."""
    first_file = image_file(str(job.request.collection.master_path), 1)
    master, deadline_s = anyio.Path(first_file), launcher.settings.master_deadline_s
    if await master.is_file():
        return
    await launcher.publish(changed(job, WAITING, f"waits for {master}"))
    give_up_at = process_clock.awake() + deadline_s
    while not await master.is_file():
        if process_clock.awake() >= give_up_at:
            late = f"{master} was not there within {deadline_s:g} s; announce the collection again once it is"
            raise RefusedRunError(late)
        await anyio.sleep(launcher.settings.poll_s)

"""A processing request in, a submitted run out; what cannot run is a failed result, never silence."""

import os
from collections.abc import AsyncIterator

import anyio
from anyio import to_thread
from opentelemetry import trace

from services.launcher.backends import BackendError
from services.launcher.installed import missing_software
from services.launcher.launcher import Launcher
from services.launcher.pipelines import image_file
from services.launcher.plan import RefusedRunError, family_of, pipeline_of, plan_job
from services.launcher.reports import report
from services.launcher.runs import Job, RunStatus
from services.launcher.telling import changed, refused
from shared import telemetry
from shared.messages import Message, ProcessCollection, RunState

WAITING = RunStatus(RunState.QUEUED)


async def launch(request: ProcessCollection, launcher: Launcher) -> AsyncIterator[Message]:
    """Holds the delivery until the data are there and a slot is free; done once the run is submitted.

    A request that comes again finds its run. A run's end is said by the supervisor, unless that is done already:
    then it is repeated here.
    """
    trace.get_current_span().set_attributes({telemetry.RUN: request.run_id, telemetry.PIPELINE: request.pipeline})
    try:
        job = plan_job(request, launcher.settings, launcher.table, os.environ, telemetry.traceparent())
        followed = job.run_id in launcher.flights
        known = await launcher.backend.status(job)
        status = known if known and (known.ending or followed) else await _start(job, known, launcher)
    except (RefusedRunError, BackendError, OSError) as refusal:
        for message in refused(request, family_of(request, launcher.table), str(refusal)):
            yield message
        return
    yield changed(job, status)
    if known and known.ending and not followed:
        yield await to_thread.run_sync(report, job, known.ending)


async def _start(job: Job, known: RunStatus | None, launcher: Launcher) -> RunStatus:
    """The run's status, once the backend has it and the supervisor follows it."""
    if known is None:
        await _check_software(job, launcher)
        await _await_master(job, launcher)
    flights = launcher.flights
    if flights.full:
        await launcher.publish(changed(job, WAITING, f"waits for one of {launcher.settings.slots} slots"))
    await flights.reserve(job.run_id)
    try:
        await launcher.backend.submit(job)
    except BackendError:
        flights.release(job.run_id)
        raise
    flights.follow(job)
    return await launcher.backend.status(job) or WAITING


async def _check_software(job: Job, launcher: Launcher) -> None:
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
    with anyio.move_on_after(deadline_s):
        while not await master.is_file():  # noqa: ASYNC110 - a file gives no signal
            await anyio.sleep(launcher.settings.poll_s)
        return
    raise RefusedRunError(f"{master} was not there within {deadline_s:g} s; announce the collection again once it is")

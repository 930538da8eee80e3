"""What the launcher says of a run: its changes, its spans, and the failure of what could not begin."""

from collections.abc import Iterator

from opentelemetry import trace

from services.launcher.runs import Ending, Job, RunStatus, StepRecord, run_ref
from shared import telemetry
from shared.messages import Message, PipelineFamily, ProcessCollection, ProcessingResult, RunChanged, RunState, now

NANOSECONDS = 1_000_000_000


def changed(job: Job, status: RunStatus, detail: str | None = None) -> RunChanged:
    """How a run is now."""
    return RunChanged(
        run=job.ref,
        state=status.state,
        steps=tuple(step.message() for step in status.steps),
        n_steps=len(job.steps),
        detail=detail or status.detail or (status.ending.reason if status.ending else None),
        directory=str(job.directory),
        at=now(),
    )


def not_begun(
    request: ProcessCollection, family: PipelineFamily, reason: str, state: RunState = RunState.FAILED
) -> Iterator[Message]:
    """The end of a run that cannot begin, or shall not."""
    run, at = run_ref(request), now()
    yield RunChanged(run=run, state=state, detail=reason, at=at)
    yield ProcessingResult(run=run, family=family, state=state, reason=reason, ended_at=at)


def vanished(job: Job) -> RunStatus:
    """The end of a run of which the backend knows nothing any more."""
    reason = f"nothing is known of it any more; its directory was {job.directory}"
    return RunStatus(RunState.LOST, (), Ending(state=RunState.LOST, reason=reason, ended_at=now()))


def refused(reason: str) -> RunStatus:
    """The end of a run that the place does not take."""
    return RunStatus(RunState.FAILED, (), Ending(state=RunState.FAILED, reason=reason, ended_at=now()))


def record_spans(job: Job, ending: Ending) -> None:
    """One span for the run and one for each step, at the times when they happened, in the present trace."""
    begun = (ending.started_at or ending.ended_at).timestamp()
    attributes: dict[str, str | int] = {
        telemetry.RUN: job.run_id,
        telemetry.PIPELINE: job.request.pipeline,
        telemetry.COLLECTION: job.ref.collection.id,
        telemetry.BEAMLINE: job.ref.collection.beamline,
        telemetry.VISIT: job.ref.collection.visit,
    }
    run = telemetry.tracer.start_span(
        f"run {job.request.pipeline}", attributes=attributes, start_time=int(begun * NANOSECONDS)
    )
    if ending.state is not RunState.SUCCEEDED:
        run.set_status(trace.StatusCode.ERROR, f"{ending.state}: {ending.reason}")
    for step in ending.steps:
        _record_step(step, run)
    run.end(int(ending.ended_at.timestamp() * NANOSECONDS))


def _record_step(step: StepRecord, run: trace.Span) -> None:
    began = int(step.begun_at * NANOSECONDS)
    span = telemetry.tracer.start_span(step.name, trace.set_span_in_context(run), start_time=began)
    if step.state == "failed":
        span.set_status(trace.StatusCode.ERROR)
    span.end(began + int((step.seconds or 0) * NANOSECONDS))

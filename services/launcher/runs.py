"""What a run is, and the files of its directory: job.json, status.jsonl, exit.json, published."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.launcher.payload import wrapper
from services.launcher.pipelines import StepPlan
from services.launcher.remembered import parse, recall, remember
from shared.messages import Moment, PipelineFamily, ProcessCollection, RunRef, RunState, Step, now

PUBLISHED = "published"
SILENT_S = 15.0  # a wrapper says every 5 s that it lives


class JobStep(BaseModel):
    """One step, as the wrapper reads it."""

    model_config = ConfigDict(frozen=True)

    name: str
    argv: tuple[str, ...]
    outputs: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    exit_status_counts: bool = False
    required: bool = True
    log: str


class Job(BaseModel):
    """The content of job.json: all that the wrapper needs, and all that the launcher has to remember."""

    model_config = ConfigDict(frozen=True)

    request: ProcessCollection
    family: PipelineFamily
    directory: Path
    steps: tuple[JobStep, ...]
    time_limit_s: float
    grace_s: float
    niceness: int
    memory_gb: float | None = None
    free_gb: float = 0.0
    environment: dict[str, str]
    traceparent: str | None = None
    submitted_at: Moment

    @property
    def run_id(self) -> str:
        """Names the run wherever it is mentioned."""
        return self.request.run_id

    @property
    def ref(self) -> RunRef:
        """The run, as messages refer to it."""
        return run_ref(self.request)

    @property
    def command(self) -> tuple[str, ...]:
        """Argument vectors of all steps, one after the other, with ``;`` between them."""
        return tuple(word for step in self.steps for word in (";", *step.argv))[1:]


def run_ref(request: ProcessCollection) -> RunRef:
    """The run that a request asks for."""
    return RunRef(
        run_id=request.run_id,
        collection=request.collection.ref,
        pipeline=request.pipeline,
        attempt=request.attempt,
        parameters=request.parameters,
        images=request.images,
        others=tuple(other.dcid for other in request.others),
    )


def job_steps(plans: tuple[StepPlan, ...]) -> tuple[JobStep, ...]:
    """Planned steps with the names of their logs, numbered so that they sort."""
    return tuple(
        JobStep(
            name=plan.name,
            argv=plan.argv,
            outputs=plan.outputs,
            forbidden=plan.forbidden,
            exit_status_counts=plan.exit_status_counts,
            required=plan.required,
            log=f"{number:02d}_{plan.name}.log",
        )
        for number, plan in enumerate(plans, start=1)
    )


class StepRecord(BaseModel):
    """A step as the wrapper reports it; times are seconds since 1970."""

    name: str
    state: Literal["running", "done", "failed"]
    begun_at: float
    seconds: float | None = None
    pid: int | None = None
    start_ticks: int | None = None

    @property
    def stopped(self) -> "StepRecord":
        """How it is once its wrapper is gone."""
        return self.model_copy(update={"state": "failed"}) if self.state == "running" else self

    def message(self) -> Step:
        """As it is told to the mesh; an older wrapper's clock may have been put back meanwhile."""
        return Step(name=self.name, state=self.state, seconds=self.seconds and max(0.0, self.seconds))


class Ending(BaseModel):
    """The content of exit.json."""

    state: RunState
    reason: str | None = None
    steps: tuple[StepRecord, ...] = ()
    host: str | None = None
    pid: int | None = None
    started_at: Moment | None = None
    ended_at: Moment


class Claim(BaseModel):
    """The content of wrapper.json: which process runs the job."""

    pid: int
    start_ticks: int | None
    boot_id: str
    host: str
    at: Moment


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run is at one moment; ``ending`` is there once its state is terminal, ``detail`` says what it waits for."""

    state: RunState
    steps: tuple[StepRecord, ...] = ()
    ending: Ending | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One run's files, read leniently: they may be half-written, mutilated or gone."""

    path: Path

    def prepare(self, job: Job) -> None:
        """Make the directory with its job.json, unless both are there."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / wrapper.JOB).exists():
            wrapper.write_once(self.path / wrapper.JOB, job.model_dump(mode="json"))

    def job(self) -> Job | None:
        """What was submitted here."""
        return recall(self.path / wrapper.JOB, Job)

    def claim(self) -> Claim | None:
        """Who runs it."""
        return recall(self.path / wrapper.CLAIM, Claim)

    def ending(self) -> Ending | None:
        """How it ended."""
        return recall(self.path / wrapper.EXIT, Ending)

    def end(self, ending: Ending) -> None:
        """Write how it ended, unless that is already written."""
        wrapper.write_once(self.path / wrapper.EXIT, ending.model_dump(mode="json"))

    def amend(self, ending: Ending) -> None:
        """Replace how it ended: a wrapper that was stopped does not know why."""
        remember(self.path / wrapper.EXIT, ending)

    def end_unbegun(self) -> None:
        """Cancelled before a wrapper has begun it; nothing if one has."""
        if self.claim() is None:
            self.end(Ending(state=RunState.CANCELLED, reason="cancelled before it started", ended_at=now()))

    def ending_without_wrapper(self, state: RunState, reason: str, pid: int | None = None) -> Ending:
        """What stands for the last word of a wrapper that said none."""
        claim = self.claim()
        return Ending(
            state=state,
            reason=reason,
            steps=tuple(step.stopped for step in self.steps()),
            host=claim.host if claim else None,
            pid=pid,
            started_at=claim.at if claim else None,
            ended_at=now(),
        )

    def under_way(self, detail: str | None = None) -> RunStatus:
        """How a run is that has not ended, as far as its files say."""
        state = RunState.QUEUED if self.claim() is None else RunState.RUNNING
        return RunStatus(state, self.steps(), detail=detail)

    def sign(self, name: str) -> int | None:
        """When one of its files was last touched, by its file server's clock [ns since 1970]; None: it is not there."""
        try:
            return (self.path / name).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def steps(self) -> tuple[StepRecord, ...]:
        """The latest word on every step, in order."""
        latest = {record.name: record for record in self._step_records()}
        return tuple(latest.values())

    def _step_records(self) -> Iterator[StepRecord]:
        try:
            lines = (self.path / wrapper.STATUS).read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            if (record := parse(line, StepRecord)) is not None:
                yield record

    def text(self, name: str) -> str:
        """One of its text files; empty if that is not there."""
        try:
            return (self.path / name).read_text(errors="replace")
        except OSError:
            return ""

    @property
    def published(self) -> bool:
        """Whether the mesh knows the end."""
        return (self.path / PUBLISHED).exists()

    def mark_published(self) -> None:
        """Remember that the mesh knows the end."""
        if self.path.is_dir():
            (self.path / PUBLISHED).write_text(now().isoformat())

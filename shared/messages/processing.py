"""From the ingester to the launcher to the writer: processing of a data set."""

from enum import StrEnum
from hashlib import sha256
from typing import Literal, Self

import orjson
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from shared.messages.collection import Answer, Collection, UnitCell
from shared.messages.envelope import CollectionRef, Message, Moment, Part, now

PipelineFamily = Literal["dials", "xia2", "fast_dp", "autoPROC"]
Parameters = dict[str, str | int | float | bool]
Urgency = Literal["primary", "secondary"]


class ProcessCollection(Message):
    """A request to process a data set with one pipeline, or with those that the launcher's rules name."""

    schema_: Literal["process-collection/1"] = Field(default="process-collection/1", alias="schema")
    collection: Collection
    pipeline: str = Field(
        default="", description="name in the launcher's table, such as dials or xia2-dials; empty: its rules decide"
    )
    urgency: Urgency = Field(default="primary", description="primary: at once; secondary: when there is room")
    images: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None, description="first and last image to process, from 1; absent: all"
    )
    others: tuple[Collection, ...] = Field(default=(), description="further sweeps to process together with this one")
    parameters: Parameters = Field(default_factory=dict, description="from the pipeline's allow-list")
    attempt: PositiveInt = Field(default=1, description="counts deliberate repeats of the same processing")
    n_retries: NonNegativeInt = Field(default=0, description="attempts before this one that were lost with their node")
    asked_at: Moment = Field(default_factory=now, description="when it was asked for")

    @property
    def run_id(self) -> str:
        """Deterministic name of the run: names its directory, and later its Slurm or Kubernetes job."""
        c = self.collection
        data = [c.master_path.as_posix(), *(other.master_path.as_posix() for other in self.others)]
        asked = orjson.dumps([self.parameters, *data, *(self.images or ())], option=orjson.OPT_SORT_KEYS)
        return f"{c.beamline}-{c.dcid}-{self.pipeline}-{sha256(asked).hexdigest()[:8]}-{self.attempt}".lower()


class CancelProcessing(Message):
    """Processing that shall not begin or not go on: one run, or all that was asked for a collection before now."""

    schema_: Literal["cancel-processing/1"] = Field(default="cancel-processing/1", alias="schema")
    run_id: str | None = Field(default=None, min_length=1, max_length=200, description="the run, if it is one")
    collection: CollectionRef | None = Field(default=None, description="the collection, if it is all of its runs")
    pipeline: str | None = Field(default=None, description="of the collection's runs only those of this pipeline")
    cancelled_by: str | None = Field(default=None, max_length=100, description="who says so")
    reason: str | None = Field(default=None, max_length=500, description="why")
    cancelled_at: Moment = Field(default_factory=now, description="what is asked for later is not concerned")

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if (self.run_id is None) == (self.collection is None):
            raise ValueError("either run_id or collection says what is cancelled")
        return self

    def concerns(self, request: ProcessCollection) -> bool:
        """Whether it cancels this request."""
        if self.run_id:
            return self.run_id == request.run_id
        of_pipeline = self.pipeline is None or self.pipeline == request.pipeline
        return self.collection == request.collection.ref and of_pipeline and request.asked_at <= self.cancelled_at

    @property
    def subject(self) -> str:
        """What shall not begin or not go on, in words."""
        of_pipeline = f" by {self.pipeline}" if self.pipeline else ""
        return self.run_id or f"processing of {self.collection}{of_pipeline}"

    def __str__(self) -> str:
        by = f" by {self.cancelled_by}" if self.cancelled_by else ""
        return f"cancelled{by}" + (f": {self.reason}" if self.reason else "")


class CancellationTaken(Answer):
    """What a cancellation came upon. Requests that it concerns and that come later end as cancelled, too."""

    schema_: Literal["cancellation-taken/1"] = Field(default="cancellation-taken/1", alias="schema")
    cancel: CancelProcessing
    stopped: tuple[str, ...] = Field(default=(), description="ids of runs that had been submitted; their ends follow")
    withdrawn: tuple[str, ...] = Field(default=(), description="ids of runs that had not; they do not begin")

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of all runs that end because of it; empty: the launcher had none of them in hand."""
        return (*self.stopped, *self.withdrawn)


class RunState(StrEnum):
    """States of a run; the last five are terminal, and a run has exactly one of them in the end."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class RunRef(Part):
    """Which run a message is about."""

    run_id: str
    collection: CollectionRef
    pipeline: str
    attempt: PositiveInt = Field(default=1, description="counts deliberate repeats of the same processing")
    parameters: Parameters = Field(default_factory=dict, description="what was asked for beside the defaults")
    images: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None, description="first and last image that are processed, from 1; absent: all"
    )
    others: tuple[PositiveInt, ...] = Field(default=(), description="ids of the collections processed together with it")

    @property
    def asked(self) -> str:
        """What tells this run from others of the same collection and pipeline, in words; empty: nothing was asked."""
        words = [f"{name}={value}" for name, value in self.parameters.items()]
        words += [f"images {self.images[0]}-{self.images[1]}"] if self.images else []
        return ", ".join([*words, *(f"with {other}" for other in self.others)])


class Step(Part):
    """One program of a run."""

    name: str = Field(description="such as dials.index")
    state: Literal["running", "done", "failed"]
    seconds: NonNegativeFloat | None = Field(default=None, description="wall time [s]; absent while it runs")


class RunChanged(Message):
    """A run began a step, ended one, or changed its state."""

    schema_: Literal["run-changed/1"] = Field(default="run-changed/1", alias="schema")
    run: RunRef
    state: RunState
    steps: tuple[Step, ...] = Field(default=(), description="all steps so far, in order")
    n_steps: NonNegativeInt = Field(default=0, description="steps that the pipeline has in all")
    detail: str | None = Field(default=None, description="one line for the operator")
    directory: str | None = Field(default=None, description="absolute path of the run's files")
    at: Moment


class Shell(Part):
    """Merging statistics of one resolution shell."""

    shell: Literal["overall", "inner", "outer"]
    d_max_A: float = Field(description="low resolution limit [Å]")
    d_min_A: float = Field(description="high resolution limit [Å]")
    n_observations: NonNegativeInt = Field(description="total observations")
    n_unique: NonNegativeInt = Field(description="unique reflections")
    completeness_percent: float | None = Field(default=None, description="[%]")
    multiplicity: float | None = Field(default=None, description="mean observations per unique reflection")
    i_over_sigma: float | None = Field(default=None, description="mean I/sigma(I)")
    r_merge: float | None = Field(default=None, description="Rmerge within I+/I-, fraction")
    r_meas: float | None = Field(default=None, description="Rmeas over all I+ and I-, fraction")
    r_meas_anomalous: float | None = Field(default=None, description="Rmeas within I+/I-, fraction")
    r_pim: float | None = Field(default=None, description="Rpim over all I+ and I-, fraction")
    r_pim_anomalous: float | None = Field(default=None, description="Rpim within I+/I-, fraction")
    cc_half: float | None = Field(default=None, description="CC1/2")
    cc_anomalous: float | None = Field(default=None, description="anomalous correlation of half sets")
    anomalous_completeness_percent: float | None = Field(default=None, description="[%]")
    anomalous_multiplicity: float | None = Field(default=None, description="mean observations per anomalous pair")


class ResultFile(Part):
    """A file that a run left for its user."""

    path: str = Field(description="absolute path")
    kind: Literal["result", "log", "report", "input"]
    rank: PositiveInt = Field(default=4, description="1 is what a user wants to open first; equal ranks are siblings")


class Reduction(Part):
    """What data reduction found."""

    space_group: str | None = Field(default=None, description="Hermann-Mauguin symbol, such as P 41 21 2")
    unit_cell: UnitCell | None = Field(default=None, description="a, b, c [Å], alpha, beta, gamma [degrees]")
    shells: tuple[Shell, ...] = Field(default=(), description="overall, inner, outer")
    n_spots: NonNegativeInt | None = Field(default=None, description="strong spots found")
    n_indexed: NonNegativeInt | None = Field(default=None, description="spots indexed")
    beam_centre_mm: tuple[float, float] | None = Field(
        default=None, description="refined, along the detector's fast and slow axis, from its first pixel [mm]"
    )
    n_indexed_by_lattice: tuple[NonNegativeInt, ...] = Field(default=(), description="spots indexed of each crystal")


class Alternative(Part):
    """A second reduction of the same data by the same run, such as STARANISO's beside autoPROC's own."""

    name: str = Field(description="such as STARANISO")
    reduction: Reduction


class ProcessingResult(Message):
    """The end of a run, whatever it is; what is known of a failed one is kept."""

    schema_: Literal["processing-result/1"] = Field(default="processing-result/1", alias="schema")
    run: RunRef
    family: PipelineFamily = Field(description="names the queue, such as xia2-results")
    state: RunState
    reason: str | None = Field(default=None, description="why it did not succeed, with the program's last words")
    reduction: Reduction = Reduction()
    alternatives: tuple[Alternative, ...] = Field(default=(), description="further reductions by the same run")
    steps: tuple[Step, ...] = ()
    files: tuple[ResultFile, ...] = ()
    command: tuple[str, ...] = Field(default=(), description="argument vector of the run")
    programs: dict[str, str] = Field(default_factory=dict, description="program name to version")
    host: str | None = Field(default=None, description="where it ran")
    directory: str | None = Field(default=None, description="absolute path of the run's files")
    started_at: Moment | None = None
    ended_at: Moment


class ProcessingRecorded(Message):
    """A processing result stands in the database."""

    schema_: Literal["processing-recorded/1"] = Field(default="processing-recorded/1", alias="schema")
    result: ProcessingResult
    recorded_at: Moment

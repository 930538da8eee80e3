"""What a Job and its pods say of a run that has not written its end itself."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.launcher.runs import RunStatus
from shared.messages import RunState

OUT_OF_MEMORY = "out of memory, raise memory_gb of its pipeline"
DEADLINE = "DeadlineExceeded"
PAST_DEADLINE = "given up by Kubernetes at the deadline of its Job"
DELETED = "its Job was deleted"


class Part(BaseModel):
    """A part of Kubernetes' answers, of which we read little."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Condition(Part):
    """Something that holds, or does not."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None


class Waiting(Part):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class Terminated(Part):
    """How a container ended."""

    exit_code: int
    reason: str | None = None
    message: str | None = None


class ContainerState(Part):
    """One of these is there."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part):
    """The container of the run."""

    state: ContainerState = ContainerState()


class Metadata(Part):
    """Of a Job or a pod."""

    name: str = ""
    deletion_timestamp: str | None = None


class PodStatus(Part):
    """How a pod is."""

    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Pending"
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Part):
    """One attempt of the cluster to run the container."""

    metadata: Metadata = Metadata()
    status: PodStatus = PodStatus()

    @property
    def lives(self) -> bool:
        """Whether its container runs or may still run."""
        return self.status.phase not in ("Succeeded", "Failed")

    @property
    def disruption(self) -> Condition | None:
        """Why the cluster took its node away."""
        return holding(self.status.conditions, "DisruptionTarget")

    @property
    def ending(self) -> Terminated | None:
        """How its container ended."""
        return next((each.state.terminated for each in self.status.container_statuses if each.state.terminated), None)


class JobStatus(Part):
    """How a Job is."""

    conditions: tuple[Condition, ...] = ()


class ClusterJob(Part):
    """A Job as the API server has it."""

    metadata: Metadata = Metadata()
    status: JobStatus = JobStatus()


class PodList(Part):
    """Pods of one Job."""

    items: tuple[Pod, ...] = Field(default=())


def holding(conditions: Sequence[Condition], *types: str) -> Condition | None:
    """The condition of one of these types that holds."""
    return next((each for each in conditions if each.type in types and each.status == "True"), None)


def read(job: ClusterJob | None, pods: Sequence[Pod], *, claimed: bool, cancelled: bool, silent: bool) -> RunStatus:
    """How a run is; a terminal state means that no exit.json will follow.

    Args:
        job: None when it was deleted.
        pods: all of its pods.
        claimed: whether a wrapper has begun the run.
        cancelled: whether its end was asked for.
        silent: whether that wrapper has stopped to say that it lives.
    """
    if ran_out_of_memory(pods):
        return RunStatus(RunState.FAILED, detail=OUT_OF_MEMORY)
    disrupted = next((pod for pod in pods if pod.disruption and (silent or not pod.lives)), None)
    if claimed and disrupted is not None and not cancelled:
        return RunStatus(RunState.LOST, detail=f"its pod lost the node: {_said(disrupted.disruption)}")
    if living := [pod for pod in pods if pod.lives]:
        return RunStatus(RunState.RUNNING if claimed else RunState.QUEUED, detail=waiting_reason(living[-1]))
    if job is None or job.metadata.deletion_timestamp:
        return RunStatus(RunState.CANCELLED if cancelled else RunState.LOST, detail=DELETED)
    return _finished(job, pods)


def _finished(job: ClusterJob, pods: Sequence[Pod]) -> RunStatus:
    """No pod lives. A Job names its failure before its pods are gone, as FailureTarget."""
    failure = holding(job.status.conditions, "Failed", "FailureTarget")
    if failure and failure.reason == DEADLINE:
        return RunStatus(RunState.TIMED_OUT, detail=PAST_DEADLINE)
    if failure:
        ending = next((pod.ending for pod in pods if pod.ending), None)
        return RunStatus(RunState.FAILED, detail=_exit_words(ending) if ending else _said(failure))
    if holding(job.status.conditions, "Complete", "SuccessCriteriaMet"):
        return RunStatus(RunState.LOST, detail="its container ended, but its wrapper wrote no end")
    return RunStatus(RunState.QUEUED, detail="its Job has no pod yet")


def waiting_reason(pod: Pod) -> str | None:
    """Why a pod does not run yet, in Kubernetes' words."""
    for each in pod.status.container_statuses:
        if (waiting := each.state.waiting) and waiting.reason not in (None, "ContainerCreating", "PodInitializing"):
            return _joined(waiting.reason, waiting.message)
    unscheduled = next((c for c in pod.status.conditions if c.type == "PodScheduled" and c.status == "False"), None)
    return _said(unscheduled) if unscheduled else None


def ran_out_of_memory(pods: Sequence[Pod]) -> bool:
    """Whether the kernel killed something of the run for its memory."""
    return any(pod.ending and pod.ending.reason == "OOMKilled" for pod in pods)


def stopped_by(job: ClusterJob | None, pods: Sequence[Pod]) -> RunStatus:
    """Why a wrapper was told to stop although nobody cancelled its run."""
    if job is None or job.metadata.deletion_timestamp:
        return RunStatus(RunState.LOST, detail=DELETED)
    failure = holding(job.status.conditions, "Failed", "FailureTarget")
    if failure and failure.reason == DEADLINE:
        return RunStatus(RunState.TIMED_OUT, detail=PAST_DEADLINE)
    disruption = next((pod.disruption for pod in pods if pod.disruption), None)
    return RunStatus(RunState.LOST, detail=f"its pod was taken away: {_said(disruption)}")


def _exit_words(ending: Terminated) -> str:
    return f"its container ended with exit status {ending.exit_code}: {_joined(ending.reason, ending.message)}"


def _said(condition: Condition | None) -> str:
    return _joined(condition.reason, condition.message) if condition else _joined()


def _joined(*words: str | None) -> str:
    return ": ".join(word.strip() for word in words if word) or "no reason given"

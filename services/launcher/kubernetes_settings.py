"""What an operator may set for runs as Kubernetes Jobs."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


class Volume(BaseModel):
    """A file system that runs see at the same path as the launcher does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="where it is mounted, in the launcher and in every run")
    claim: str | None = Field(default=None, description="name of a PersistentVolumeClaim")
    host_path: Path | None = Field(default=None, description="folder of the node; Pod Security 'restricted' forbids it")
    sub_path: str | None = Field(default=None, description="folder of the volume to mount instead of its root")
    read_only: bool = Field(default=False, description="runs cannot write there")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.claim is None) == (self.host_path is None):
            raise ValueError(f"volume {self.path}: set either claim or host_path")
        return self


class Toleration(BaseModel):
    """Which tainted nodes may take a pod; the fields are Kubernetes' own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class KubernetesSettings(BaseModel):
    """Which cluster, which image, and what a run may use there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kubeconfig: Path | None = Field(default=None, description="file; none: the service account of the launcher's pod")
    context: str | None = Field(default=None, description="context of the kubeconfig; none: its current one")
    namespace: str = Field(default="mxmesh", description="where Jobs are created")
    image: str = Field(default="", description="image of the runs, with python3 and the programs; has no default")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(default="IfNotPresent", description="when")
    image_pull_secrets: tuple[str, ...] = Field(default=(), description="Secrets for the image's registry")
    cpu: str = Field(default="4", description="CPUs that a run asks for; set `processes` to the same number")
    node_selector: dict[str, str] = Field(default_factory=dict, description="labels of the nodes that take runs")
    tolerations: tuple[Toleration, ...] = Field(default=(), description="taints that runs tolerate")
    priority_class: str | None = Field(default=None, description="PriorityClass of the runs")
    volumes: tuple[Volume, ...] = Field(default=(), description="file systems with the visits and run directories")
    run_as_user: PositiveInt | None = Field(default=None, description="user id of runs; none: the image's own")
    run_as_group: PositiveInt | None = Field(default=None, description="group id of runs; none: the image's own")
    fs_group: PositiveInt | None = Field(default=None, description="group that volumes are given to on mounting")
    supplemental_groups: tuple[PositiveInt, ...] = Field(default=(), description="further groups, as of visits")
    waiting_limit_s: PositiveFloat = Field(
        default=3600,
        description="a Job is given up this long after its run's time limit; waiting for a node counts [s]",
    )
    keep_s: PositiveInt = Field(default=86400, description="a finished Job and its log are kept this long [s]")
    request_timeout_s: PositiveFloat = Field(default=10, description="longest wait for the API server [s]")

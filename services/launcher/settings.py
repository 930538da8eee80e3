"""What an operator may set for the launcher."""

from datetime import timedelta
from importlib.util import find_spec
from os import cpu_count
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from services.launcher.kubernetes_settings import KubernetesSettings
from services.launcher.parameters import read_parameters
from services.launcher.pipelines import Pipeline, pipeline_named
from services.launcher.pipelines.rules import RULES, Rules
from services.launcher.slurm_settings import SlurmSettings
from shared.messages import Parameters
from shared.settings import ServiceSettings


def bundled_hdf5_plugins() -> Path | None:
    """Where the hdf5plugin package, if installed, keeps its filters; found without importing h5py."""
    spec = find_spec("hdf5plugin")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / "plugins" if places else None


class Settings(ServiceSettings):
    """Settings of the launcher."""

    backend: Literal["local", "slurm", "kubernetes"] = Field(default="local", description="where runs happen")
    slurm: SlurmSettings = Field(default_factory=SlurmSettings, description="for runs as Slurm jobs")
    kubernetes: KubernetesSettings = Field(
        default_factory=KubernetesSettings, description="for runs as Kubernetes Jobs"
    )
    slots: PositiveInt = Field(default=1, description="runs at a time; further requests wait on the broker")
    secondary_slots: PositiveInt | None = Field(
        default=None, description="of these, at most so many for secondary runs, which also let primary ones go first"
    )
    requests_in_hand: PositiveInt = Field(
        default=100,
        description="requests of either urgency taken from the broker while they wait for a slot",
    )
    rules: Rules = Field(default=RULES, description="which pipelines run for which collection, see docs/how-to")
    processes: PositiveInt = Field(
        default_factory=lambda: cpu_count() or 1, description="processes that one step of a run may use"
    )
    niceness: NonNegativeInt = Field(default=5, le=19, description="how much runs give way to the spot finder; 0 to 19")
    time_limit_s: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="time limit of a run by pipeline, instead of the pipeline's own [s]"
    )
    memory_gb: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="memory limit of a run by pipeline, instead of the pipeline's own [GB]"
    )
    parameters: dict[str, Parameters] = Field(
        default_factory=dict, description="parameters by pipeline, for requests that do not set them"
    )
    grace_s: PositiveFloat = Field(default=10, description="time between a run's SIGTERM and its SIGKILL [s]")
    master_deadline_s: PositiveFloat = Field(
        default=120, description="a request fails if its master file is not there after so long [s]"
    )
    least_free_gb: NonNegativeFloat = Field(
        default=5,
        description="a run begins once its file system has so much free space, and what its pipeline writes [GB]",
    )
    space_deadline_s: PositiveFloat = Field(
        default=3600, description="a request fails if there is no space for it after so long [s]"
    )
    image_deadline_s: PositiveFloat = Field(
        default=120, description="a run fails if its last image is not written after so long [s]"
    )
    retries: NonNegativeInt = Field(
        default=1, description="how often a run is started anew that was lost with its node; failed runs are not"
    )
    longest_pause_s: PositiveFloat = Field(
        default=30, description="longest time between two tries to reach a place that is down [s]"
    )
    poll_s: PositiveFloat = Field(default=0.5, description="time between two looks at files and runs [s]")
    data_roots: tuple[Path, ...] = Field(
        default=(),
        description="visits must lie below one of these, symbolic links resolved; empty: the ingester has checked that",
    )
    processing_root: Path | None = Field(
        default=None, description="runs go below this folder instead of the visit's own processed folder"
    )
    state_directory: Path = Field(
        default=Path("state/launcher"), description="index of unfinished runs; must survive a restart"
    )
    keep_cancellations_days: PositiveFloat = Field(
        default=180,
        description="a cancellation is remembered so long; a request asked for before that is refused [days]",
    )
    keep_working_files_days: PositiveFloat | None = Field(
        default=None,
        description="what only a run's own steps read, such as integrated.refl of dials, is removed so long after its "
        "end; results and logs stay; none: everything stays with the visit [days]",
    )
    python: Path = Field(
        default=Path("/usr/bin/python3"), description="the python that has iotbx and h5py, as DIALS brings them"
    )
    hdf5_plugins: Path | None = Field(
        default_factory=bundled_hdf5_plugins, description="folder of HDF5 filters for the programs (bitshuffle)"
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="variables for the programs, such as PATH or CCP4; added to a clean set"
    )

    @field_validator("parameters", "time_limit_s", "memory_gb")
    @classmethod
    def _are_of_pipelines(cls, by_pipeline: dict[str, Any]) -> dict[str, Any]:
        """A wrong name stops the service at start; silently it would change nothing."""
        for name in by_pipeline:
            pipeline_named(name)
        return by_pipeline

    @field_validator("parameters")
    @classmethod
    def _are_allowed(cls, parameters: dict[str, Parameters]) -> dict[str, Parameters]:
        """A wrong value stops the service at start, not each run."""
        for name, asked in parameters.items():
            read_parameters(pipeline_named(name).parameters, asked)
        return parameters

    @field_validator("rules")
    @classmethod
    def _name_what_there_is(cls, rules: Rules) -> Rules:
        """The same for rules."""
        for rule in rules:
            for outcome in rule.run:
                try:
                    read_parameters(pipeline_named(outcome.pipeline).parameters, outcome.parameters)
                except ValueError as fault:
                    raise ValueError(f"rule {rule.name!r}: {fault}") from fault
        return rules

    @model_validator(mode="after")
    def _has_an_image(self) -> Self:
        if self.backend == "kubernetes" and not self.kubernetes.image:
            raise ValueError("kubernetes.image is missing: set it to an image with python3 and the programs")
        return self

    @model_validator(mode="after")
    def _remembers_longer_than_the_broker(self) -> Self:
        if self.keep_cancellations_days < self.broker.dead_letter_days:
            raise ValueError(
                f"keep_cancellations_days must be at least broker.dead_letter_days, {self.broker.dead_letter_days:g}: "
                "a dead letter that is retried may be a request that was cancelled"
            )
        return self

    @property
    def keep_cancellations(self) -> timedelta:
        """How long a cancellation is remembered."""
        return timedelta(days=self.keep_cancellations_days)

    @property
    def keep_working_files(self) -> timedelta | None:
        """How long after its end a run's working files stay; None: for ever."""
        return None if self.keep_working_files_days is None else timedelta(days=self.keep_working_files_days)

    def time_limit_of_s(self, pipeline: Pipeline) -> float:
        """Of a run of this pipeline [s]."""
        return self.time_limit_s.get(pipeline.name, pipeline.time_limit_s)

    def memory_of_gb(self, pipeline: Pipeline) -> float:
        """That a run of this pipeline may use [GB]."""
        return self.memory_gb.get(pipeline.name, pipeline.memory_gb)

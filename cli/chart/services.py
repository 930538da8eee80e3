"""Values of the five services; settings are those of `services/<name>/settings.py`, less what the chart fills in."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, NonNegativeInt, PositiveInt
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from cli.chart.kubernetes import Name, Persistence, Resources, SecretKey, Values
from services.aggregator.settings import Settings as AggregatorSettings
from services.ingester.settings import Settings as IngesterSettings
from services.launcher.kubernetes_settings import Toleration
from services.launcher.settings import Settings as LauncherSettings
from services.spotfinder.settings import Settings as SpotfinderSettings
from services.writer.settings import Settings as WriterSettings
from shared.settings import ServiceSettings

FILLED_IN = {
    "beamline": "`beamline`",
    "mode": "`mode`",
    "broker": "`broker`",
    "data_roots": "`data.roots`",
    "database_url": "`services.<name>.database`, or a file on the service's volume",
    "state_directory": "the service's volume",
    "probe_host": "what a pod's probes need",
    "probe_port": "what a pod's probes need",
    "page_host": "what a pod's probes need",
    "page_port": "what a pod's probes need",
}
"""Settings that the chart computes, and the values they come from."""


KINDS: dict[str, type[ServiceSettings]] = {
    "ingester": IngesterSettings,
    "spotfinder": SpotfinderSettings,
    "launcher": LauncherSettings,
    "writer": WriterSettings,
    "aggregator": AggregatorSettings,
}


@dataclass(frozen=True)
class SettingsOf:
    """Marks a block of values that holds settings of a service."""

    kind: type[ServiceSettings]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema
        whole = handler.resolve_ref_schema(handler(self.kind.__pydantic_core_schema__))
        offered = {name: each for name, each in whole["properties"].items() if name not in FILLED_IN}
        return {"type": "object", "additionalProperties": False, "properties": offered}


def settings_field(kind: type[ServiceSettings], **default: Any) -> Any:  # noqa: ANN401 - as pydantic's own Field
    """A field for settings of one service."""
    module = kind.__module__.replace(".", "/")
    return Field(default=default, description=f"as {module}.py describes them; see the table of settings below")


class Service(Values):
    """What all services have in common."""

    image: str = Field(default="", description="full reference; empty: <image.repository>/mxmesh-<service>:<image.tag>")
    resources: Resources = Field(default=Resources(), description="CPU and memory")
    env: dict[str, str] = Field(default={}, description="further variables of its container")
    secret_env: dict[str, SecretKey] = Field(
        default={}, description="variables from Secrets, such as MXMESH_ZOCALO_ISPYB_URL: {existingSecret: ispyb}"
    )
    priority_class: Name = Field(default="", description="PriorityClass of its pods; wins over priorityClass.create")
    node_selector: dict[str, str] = Field(default={}, description="labels of the nodes that take its pods")
    tolerations: tuple[Toleration, ...] = Field(default=(), description="taints that its pods tolerate")
    affinity: dict[str, Any] = Field(default={}, description="Kubernetes' own affinity")
    pod_annotations: dict[str, str] = Field(default={}, description="annotations of its pods")
    termination_grace_period_seconds: PositiveInt = Field(
        default=30, description="between SIGTERM and SIGKILL; what is unfinished then goes back to the broker [s]"
    )


class Ingester(Service):
    """Takes announcements."""

    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    )
    persistence: Persistence = Field(default=Persistence(), description="its SQLite file: announcements seen before")
    database: SecretKey = Field(default=SecretKey(), description="SQLAlchemy URL of a database to use instead")
    settings: Annotated[dict[str, Any], SettingsOf(IngesterSettings)] = settings_field(IngesterSettings)


class Spotfinder(Service):
    """Finds spots."""

    replicas: NonNegativeInt = Field(default=1, description="pods, unless autoscaling decides")
    topology_key: str = Field(
        default="kubernetes.io/hostname", description="pods spread over values of this node label"
    )
    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}
    )
    termination_grace_period_seconds: PositiveInt = Field(
        default=60, description="long enough for the images that its workers have in hand [s]"
    )
    settings: Annotated[dict[str, Any], SettingsOf(SpotfinderSettings)] = settings_field(SpotfinderSettings, workers=2)


class SlurmToken(Values):
    """Where the launcher finds the token for slurmrestd."""

    existing_secret: Name = Field(default="", description="Secret with the JWT; it may be renewed at any time")
    key: str = Field(default="token", description="its key")


class Launcher(Service):
    """Starts processing."""

    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}}
    )
    persistence: Persistence = Field(default=Persistence(), description="index of unfinished runs")
    slurm_token: SlurmToken = Field(default=SlurmToken(), description="for backend slurm")
    settings: Annotated[dict[str, Any], SettingsOf(LauncherSettings)] = settings_field(
        LauncherSettings, backend="kubernetes"
    )


class Writer(Service):
    """Records results, and says where the crystal is."""

    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    )
    persistence: Persistence = Field(
        default=Persistence(size="20Gi"), description="its SQLite file: the record of all results"
    )
    database: SecretKey = Field(default=SecretKey(), description="SQLAlchemy URL of a database to use instead")
    settings: Annotated[dict[str, Any], SettingsOf(WriterSettings)] = settings_field(WriterSettings)


class Aggregator(Service):
    """Shows the status page, and tells Prometheus."""

    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    )
    persistence: Persistence = Field(default=Persistence(), description="its SQLite file: the history")
    database: SecretKey = Field(default=SecretKey(), description="SQLAlchemy URL of a database to use instead")
    settings: Annotated[dict[str, Any], SettingsOf(AggregatorSettings)] = settings_field(AggregatorSettings)


class Services(Values):
    """One block for each service; a service is a Deployment."""

    ingester: Ingester = Field(default=Ingester(), description="takes announcements")
    spotfinder: Spotfinder = Field(default=Spotfinder(), description="finds spots")
    launcher: Launcher = Field(default=Launcher(), description="starts processing")
    writer: Writer = Field(default=Writer(), description="records results, and says where the crystal is")
    aggregator: Aggregator = Field(default=Aggregator(), description="the status page, and figures for Prometheus")

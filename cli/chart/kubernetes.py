"""Parts of values that go into manifests as they are; the fields are Kubernetes' own."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[str, StringConstraints(pattern=r"^$|^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/")]
NoCredentials = Annotated[str, StringConstraints(pattern=r"^[^@]*$")]


class Values(BaseModel):
    """A block of values: keys as Helm spells them, none besides those of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Amounts(Values):
    """Amounts of resources."""

    cpu: Quantity | None = Field(default=None, description="cores; 500m is half a core")
    memory: Quantity | None = Field(default=None, description="bytes, such as 512Mi")


class Resources(Values):
    """What a container asks for, and what it may not exceed."""

    requests: Amounts = Field(default=Amounts(), description="what a node must have free")
    limits: Amounts = Field(default=Amounts(), description="more memory kills the container, more CPU is not given")


class Nfs(Values):
    """An NFS export."""

    server: str
    path: AbsolutePath


class DataVolume(Values):
    """A file system with visits, mounted at the same path wherever data are read or processed."""

    name: Name = Field(min_length=1, description="of the volume, unique in the list")
    mount_path: AbsolutePath = Field(description="where the data roots expect it")
    claim: Name = Field(default="", description="name of a PersistentVolumeClaim in the release's namespace")
    nfs: Nfs | None = Field(default=None, description="or an NFS export; not for launchers that start Kubernetes Jobs")
    host_path: str = Field(default="", description="or a folder of the nodes; Pod Security 'restricted' forbids it")
    sub_path: str = Field(default="", description="folder of the volume to mount instead of its root")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(map(bool, (self.claim, self.nfs, self.host_path))) != 1:
            raise ValueError(f"volume {self.name}: set one of claim, nfs and hostPath")
        return self


class ExternalSecret(Values):
    """A Secret that the External Secrets operator fills; it gets the name of the Secret beside it."""

    enabled: bool = Field(default=False, description="create the ExternalSecret; needs that operator in the cluster")
    store_name: str = Field(default="", description="of the SecretStore")
    store_kind: Literal["SecretStore", "ClusterSecretStore"] = Field(
        default="ClusterSecretStore", description="its kind"
    )
    remote_key: str = Field(default="", description="entry in the store; its properties become the keys of the Secret")
    refresh_interval: str = Field(default="1h", pattern=r"^[0-9]+(s|m|h)$", description="time between two looks at it")


class Persistence(Values):
    """Where a service keeps what must survive its pod."""

    enabled: bool = Field(default=True, description="false: an emptyDir, gone with the pod")
    existing_claim: Name = Field(default="", description="a claim that is there already, instead of one of the release")
    storage_class: str = Field(
        default="", description="empty: the cluster's default; -: none, for volumes made by hand"
    )
    size: Quantity = Field(default="2Gi", description="of the claim")


class SecretKey(Values):
    """One key of an existing Secret."""

    existing_secret: Name = Field(default="", description="name of the Secret; empty: none")
    key: str = Field(default="url", description="its key")


class Port(Values):
    """A TCP port."""

    port: PositiveInt = Field(le=65535)


UserId = Annotated[NonNegativeInt, Field(ge=1)]

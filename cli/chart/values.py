"""The values of the chart, each with its meaning: schema, values.yaml and the README's tables come from here."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from cli.chart import optional
from cli.chart.kubernetes import AbsolutePath, DataVolume, ExternalSecret, Name, Values
from cli.chart.services import Services
from shared.messages import Beamline
from shared.settings import DEAD_LETTER_DAYS


class Image(Values):
    """Where images come from."""

    repository: str = Field(default="mxmesh", description="images are <repository>/mxmesh-<service>:<tag>")
    tag: str = Field(default="", description="empty: the chart's appVersion")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(default="IfNotPresent", description="when to pull")
    pull_secrets: tuple[Name, ...] = Field(default=(), description="Secrets for the registry")


class Broker(Values):
    """ActiveMQ, and how to be let in."""

    url: str = Field(
        default="stomp://activemq:61613",
        pattern=r"^(failover:[^@]+|(stomp|stomp\+ssl|stomp\+nio\+ssl)://[^@]+)$",
        description="stomp://, stomp+ssl://, stomp+nio+ssl:// or failover:(url,url); no credentials",
    )
    prefix: str = Field(
        default="{{ .Values.beamline }}.",
        description="before every destination, a template; beamlines that share a broker need different ones, "
        "and so do two releases of one beamline",
    )
    dead_letter_days: PositiveFloat = Field(
        default=DEAD_LETTER_DAYS, description="a message that nobody could handle waits so long for an operator [days]"
    )
    existing_secret: Name = Field(default="activemq", min_length=1, description="Secret with user and password")
    user_key: str = Field(default="user", description="its key for the user")
    password_key: str = Field(default="password", description="its key for the password")
    ca_secret: Name = Field(
        default="", description="Secret with ca.crt, found at /etc/mxmesh/ca/ca.crt: url?cafile=/etc/mxmesh/ca/ca.crt"
    )
    external_secret: ExternalSecret = Field(default=ExternalSecret(), description="fills existingSecret from a store")


class Data(Values):
    """Where visits are."""

    roots: tuple[AbsolutePath, ...] = Field(
        default=("/dls",), min_length=1, description="announced paths must lie below one of these, links resolved"
    )
    volumes: tuple[DataVolume, ...] = Field(
        default=(), description="mounted into ingester and spotfinder (to read), launcher and Jobs (to write)"
    )


class Security(Values):
    """Whom the pods run as; Pod Security 'restricted' holds for all of them."""

    run_as_user: PositiveInt = Field(default=65532, description="of all pods, and of Jobs that process data")
    run_as_group: PositiveInt = Field(default=65532, description="the same for the group")
    fs_group: PositiveInt = Field(default=65532, description="group that claims are given to on mounting")
    supplemental_groups: tuple[PositiveInt, ...] = Field(default=(), description="such as those that may read visits")


class Root(Values):
    """All values."""

    beamline: Beamline = Field(default="i03", description="the beamline that this mesh serves")
    detector: str = Field(default="", description="such as EIGER2 XE 16M; for people, as annotation of every pod")
    mode: Literal["shadow", "live"] = Field(
        default="shadow",
        description="shadow: everything is computed and recorded, nothing is said to the beamline; live: it is",
    )
    image: Image = Field(default=Image(), description="images of the services")
    broker: Broker = Field(default=Broker(), description="ActiveMQ")
    data: Data = Field(default=Data(), description="visits")
    services: Services = Field(default=Services(), description="the five services")
    security: Security = Field(default=Security(), description="users and groups")
    autoscaling: optional.Autoscaling = Field(default=optional.Autoscaling(), description="of the spot finders")
    monitoring: optional.Monitoring = Field(default=optional.Monitoring(), description="figures and alerts")
    network_policies: optional.NetworkPolicies = Field(
        default=optional.NetworkPolicies(), description="what may speak to what"
    )
    priority_class: optional.PriorityClass = Field(default=optional.PriorityClass(), description="for live grid scans")
    tracing: optional.Tracing = Field(default=optional.Tracing(), description="spans")
    activemq: optional.ActiveMQ = Field(default=optional.ActiveMQ(), description="a broker of the release's own")
    jaeger: optional.Jaeger = Field(default=optional.Jaeger(), description="a place for traces of the release's own")
    test: optional.Test = Field(default=optional.Test(), description="of helm test")

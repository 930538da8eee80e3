"""Values of the parts beside the services: scaling, monitoring, network, a broker and traces of one's own."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from cli.chart.kubernetes import Name, Persistence, Resources, Values


class Autoscaling(Values):
    """How many spot finders there are."""

    kind: Literal["none", "keda", "hpa"] = Field(
        default="none",
        description="keda: by the length of their queue, asked of ActiveMQ's Jolokia (needs the KEDA operator); "
        "hpa: by their CPU (needs metrics-server); set prefetch of the spotfinder low with either: what one pod has "
        "in hand is not for the next",
    )
    min_replicas: PositiveInt = Field(default=1, description="pods at rest")
    max_replicas: PositiveInt = Field(default=4, description="pods at most")
    target_queue_size: PositiveInt = Field(default=50, description="keda: blocks of images per pod")
    target_cpu_percent: PositiveInt = Field(default=70, description="hpa: of the CPU that a pod asks for")
    polling_interval_seconds: PositiveInt = Field(default=5, description="keda: time between two questions [s]")
    cooldown_seconds: NonNegativeInt = Field(default=300, description="a pod is not taken away sooner [s]")
    management_endpoint: str = Field(
        default="", description="keda: host:port of Jolokia; empty: the release's own broker"
    )
    broker_name: str = Field(default="mxmesh", description="keda: brokerName in activemq.xml")
    rest_api_template: str = Field(
        default="", description="keda: URL of the queue's size, for https or another path; empty: KEDA's default"
    )
    cors_header: str = Field(
        default="", description="keda: the Origin that Jolokia's jolokia-access.xml allows; empty: http://<endpoint>"
    )
    existing_secret: Name = Field(default="", description="keda: who may ask Jolokia; empty: the broker's Secret")
    user_key: str = Field(default="user", description="its key for the user")
    password_key: str = Field(default="password", description="its key for the password")


class ServiceMonitor(Values):
    """Has the Prometheus operator read the figures."""

    enabled: bool = Field(default=False, description="needs the Prometheus operator")
    interval: str = Field(default="15s", pattern=r"^[0-9]+(s|m)$", description="time between two looks")
    labels: dict[str, str] = Field(default={}, description="by which your Prometheus selects it")


class PrometheusRule(Values):
    """Alerts; each says what to do."""

    enabled: bool = Field(default=False, description="needs the Prometheus operator")
    labels: dict[str, str] = Field(default={}, description="by which your Prometheus selects it")
    centring_p98_seconds: PositiveFloat = Field(
        default=5, description="98 % of the grids of an hour are centred so soon after their last image's result [s]"
    )
    first_result_p98_seconds: PositiveFloat = Field(
        default=10, description="98 % of the collections of an hour have a first result so soon [s]"
    )
    images_waiting: PositiveInt = Field(
        default=500, description="images that are due and wait for a result for a minute"
    )
    runs_queued: PositiveInt = Field(default=50, description="runs that wait for a place for half an hour")


class Dashboard(Values):
    """A Grafana dashboard in a ConfigMap, for Grafana's sidecar."""

    enabled: bool = Field(default=False, description="create it")
    labels: dict[str, str] = Field(default={"grafana_dashboard": "1"}, description="by which the sidecar finds it")


class Monitoring(Values):
    """Figures, alerts, a dashboard."""

    service_monitor: ServiceMonitor = Field(default=ServiceMonitor(), description="for the aggregator's /metrics")
    prometheus_rule: PrometheusRule = Field(default=PrometheusRule(), description="alerts")
    dashboard: Dashboard = Field(default=Dashboard(), description="for Grafana")


class NetworkPolicies(Values):
    """What each service may speak to; the cluster's network plugin must enforce it."""

    enabled: bool = Field(default=True, description="create a NetworkPolicy for each service")
    database_ports: tuple[PositiveInt, ...] = Field(
        default=(5432, 3306), description="for services whose database is not a file"
    )
    api_server_ports: tuple[PositiveInt, ...] = Field(
        default=(443, 6443), description="for a launcher that starts Kubernetes Jobs"
    )
    further_ports: tuple[PositiveInt, ...] = Field(default=(), description="every service may speak to these, too")


class PriorityClass(Values):
    """Lets the way of a grid scan (ingester, spot finder, writer) push other pods aside; only in mode live."""

    create: bool = Field(default=False, description="create one for this release; needs rights for the whole cluster")
    value: PositiveInt = Field(default=100000, le=1000000000, description="Kubernetes' default for pods is 0")


class Tracing(Values):
    """Where spans go."""

    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^@]*)?$",
        description="OTLP over HTTP, such as http://tempo:4318; empty: nowhere",
    )


class ActiveMQ(Values):
    """A broker of the release's own: one pod, for trials and small sites. Facilities have brokers."""

    enabled: bool = Field(default=False, description="create it; broker.url then points there")
    image: str = Field(default="", description="full reference; empty: <image.repository>/mxmesh-activemq:<image.tag>")
    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "500m", "memory": "768Mi"}, "limits": {"memory": "1536Mi"}}
    )
    persistence: Persistence = Field(default=Persistence(size="10Gi"), description="KahaDB: what waits in queues")


class Jaeger(Values):
    """Traces of the release's own, in memory."""

    enabled: bool = Field(default=False, description="create it; tracing.otlpEndpoint then points there")
    image: str = Field(default="jaegertracing/jaeger:2.11.0", description="full reference")
    resources: Resources = Resources.model_validate(
        {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    )


class Test(Values):
    """`helm test`: a simulated grid scan, from its announcement to its centre."""

    image: str = Field(default="", description="full reference; empty: <image.repository>/mxmesh-cli:<image.tag>")
    data_root: str = Field(default="", description="where the images are written; empty: the first of data.roots")
    timeout_seconds: PositiveInt = Field(default=120, description="longest wait for the centre [s]")

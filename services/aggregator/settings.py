"""What an operator may set for the aggregator."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, SecretStr

from shared.settings import ServiceSettings


class MonitorSettings(BaseModel):
    """Whom to ask how the broker is, and from where on an operator should know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^,\s@]+(,https?://[^,\s@]+)*$",
        description="the broker's Jolokia, such as http://activemq.example.org:8161/api/jolokia; of a pair both, with "
        "a comma between; none: heap, store and destinations are not watched",
    )
    user: str | None = Field(default=None, description="its login; none: that of the broker")
    password: SecretStr | None = Field(default=None, description="its password, where it has a login of its own")
    interval_s: PositiveFloat = Field(default=30, description="time between two looks [s]")
    timeout_s: PositiveFloat = Field(default=5, description="longest wait for an answer [s]")
    commit_ms: PositiveFloat = Field(
        default=20,
        description="median COMMIT of a service that is too slow [ms]; blocks of 16 images at 560 Hz leave 28 ms each",
    )
    heap_percent: PositiveFloat = Field(
        default=75,
        le=100,
        description="of the heap in use after a collection that is too much [%]; above, Java collects ever more often",
    )
    store_percent: PositiveFloat = Field(
        default=70, le=100, description="of the store's limit that is too much [%]; at 100 nobody can say anything more"
    )
    oldest_file_days: PositiveFloat = Field(
        default=7, description="a journal file older than that is held by a message that nobody wants [days]"
    )


class Settings(ServiceSettings):
    """Settings of the status aggregator."""

    page_host: str = Field(default="127.0.0.1", description="address of the status page; 0.0.0.0 serves every network")
    page_port: PositiveInt = Field(default=8600, le=65535, description="port of the status page")
    trace_url: str | None = Field(
        default=None,
        pattern=r"^https?://.*\{trace_id\}",
        description="where a trace can be looked at, such as http://127.0.0.1:9411/zipkin/traces/{trace_id}",
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///state/aggregator.db", description="SQLAlchemy URL of the history"
    )
    history_days: PositiveFloat = Field(
        default=7, description="events stay in the history for so many days of work [days]"
    )
    n_collections: PositiveInt = Field(default=200, description="data collections shown and kept in memory")
    prefetch: PositiveInt = Field(default=32, description="messages of one type in hand at a time")
    monitor: MonitorSettings = Field(default_factory=MonitorSettings, description="how the broker is: its Jolokia")

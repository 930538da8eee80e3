"""What an operator may set for the aggregator."""

from pydantic import Field, PositiveFloat, PositiveInt

from shared.settings import ServiceSettings


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

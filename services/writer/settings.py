"""What an operator may set of the writer."""

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the writer."""

    database_url: str = Field(
        default="sqlite+aiosqlite:///state/writer.db",
        description="SQLAlchemy URL of the record; an SQLite file's folder is made, its tables are made or upgraded",
    )
    database_patience_s: PositiveFloat = Field(
        default=300, description="a database that is away is waited for so long [s]"
    )
    deadline_s: NonNegativeFloat = Field(
        default=30, description="a grid is centred with what there is so long after its last image was due [s]"
    )
    amend_interval_s: NonNegativeFloat = Field(
        default=1, description="least time between two results of one grid while late images come in [s]"
    )
    catch_up_s: NonNegativeFloat = Field(
        default=5, description="no deadline passes so soon after a start or a reconnect, since the queues are full [s]"
    )
    look_interval_s: PositiveFloat = Field(
        default=1, description="pause between two looks for deadlines and late images [s]"
    )
    prefetch: PositiveInt = Field(default=32, description="messages in hand at a time, per queue")
    images_days: float = Field(
        default=90, ge=1, description="results of single images are removed after so many days of work [days]"
    )
    results_days: float = Field(
        default=3650,
        ge=30,
        description="collections, grid results and processing results are removed after so many days of work [days]",
    )

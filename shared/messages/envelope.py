"""What all messages have in common: immutable, versioned, tolerant of fields they do not know yet."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, StringConstraints

Beamline = Annotated[str, StringConstraints(pattern=r"^[a-z]\d{2}(-\d)?$")]
Visit = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}\d+-\d+$")]
Moment = AwareDatetime
Experiment = Literal["gridscan", "rotation"]


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Part(BaseModel):
    """A piece of a message: immutable; unknown fields are dropped, so that a newer producer may add one."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class Message(Part):
    """One thing said on the mesh. Every subclass names its version in a ``schema`` field."""

    schema_: str = Field(alias="schema", description="name and version of this message's contract")

    def to_json(self) -> bytes:
        """The message as it travels: UTF-8 JSON."""
        return self.model_dump_json(exclude_none=True).encode()


class CollectionRef(Part):
    """The data collection that a message is about."""

    beamline: Beamline = Field(description="such as i03 or i04-1")
    visit: Visit = Field(description="proposal and session, such as cm12345-1")
    id: PositiveInt = Field(description="data collection id, ISPyB's dataCollectionId")

    def __str__(self) -> str:
        return f"{self.beamline}/{self.id}"

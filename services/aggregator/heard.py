"""What the aggregator hears: a message with the circumstances that its JSON does not tell. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.messages import (
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    GridResult,
    Message,
    ProcessingRecorded,
    RunChanged,
    SpotsFound,
)
from shared.topology import ROUTES

KINDS: tuple[type[Message], ...] = tuple(dict.fromkeys(r.message for r in ROUTES if "aggregator" in r.listeners))


@dataclass(frozen=True, slots=True)
class Heard:
    """One message.

    Attributes:
        message: what was said.
        message_id: the broker's id, the same again when the message is delivered again.
        trace_id: W3C trace id, 32 hexadecimal digits.
        at: when it was heard, by this machine's clock.
        said_at: when the broker took it, by the broker's clock.
    """

    message: Message
    message_id: str
    trace_id: str | None
    at: datetime
    said_at: datetime | None = None

    @property
    def kind(self) -> str:
        """Name of the message's type."""
        return type(self.message).__name__

    @property
    def collection(self) -> CollectionRef | None:
        """The data collection that the message is about."""
        match self.message:
            case CollectionAccepted(collection=collection):
                return collection.ref
            case CollectionEnded(collection=ref) | SpotsFound(collection=ref) | GridResult(collection=ref):
                return ref
            case RunChanged(run=run):
                return run.collection
            case ProcessingRecorded(result=result):
                return result.run.collection
        return None

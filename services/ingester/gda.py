"""Reading what GDA announces: the only module that knows its JSON, and says what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.bus import Delivery
from shared.messages import CollectionEnds, CollectionStarts, data_collection_event

EXAMPLE = "compare with docs/messages/example-gridscan.json, or let `mxmesh announce` write the message"


class UnusableAnnouncementError(Exception):
    """An announcement that cannot be acted on.

    Attributes:
        remedy: how its sender can mend it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Announced:
    """An announcement as it came."""

    body: bytes
    message_id: str
    reply_to: str | None
    correlation_id: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> "Announced":
        """Body and headers of a delivery."""
        return cls(delivery.body, delivery.message_id, delivery.reply_to, delivery.correlation_id)


def read_event(body: bytes) -> CollectionStarts | CollectionEnds:
    """The event in an announcement's body.

    Raises:
        UnusableAnnouncementError: it is not JSON, not an object, or a field is missing or wrong.
    """
    content = read_json(body)
    try:
        return data_collection_event.validate_python(content)
    except ValidationError as fault:
        wrong = "; ".join(_explain(error) for error in fault.errors()[:5])
        raise UnusableAnnouncementError(wrong, f"correct the field and announce again; {EXAMPLE}") from fault


def read_json(body: bytes) -> Mapping[str, Any]:
    """The JSON object in an announcement's body.

    Raises:
        UnusableAnnouncementError: it is no JSON object.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise UnusableAnnouncementError(f"not JSON: {fault}", f"send one JSON object in UTF-8; {EXAMPLE}") from fault
    if not isinstance(content, dict):
        raise UnusableAnnouncementError(f"a JSON {type(content).__name__}, not an object", EXAMPLE)
    return content


def claimed_identity(body: bytes) -> tuple[str | None, str | None]:
    """Beamline and collection id that a bad announcement claims, unchecked, for the status page."""
    try:
        content = read_json(body)
    except UnusableAnnouncementError:
        return None, None
    beamline, dcid = content.get("beamline"), content.get("dcid")
    return beamline if isinstance(beamline, str) else None, None if dcid is None else str(dcid)[:64]


def _explain(error: ErrorDetails) -> str:
    """One of pydantic's errors in the operator's words."""
    field = ".".join(str(part) for part in error["loc"] if part not in ("start", "end", "abort"))
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"field {field} is missing"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "field event must be start, end or abort"
    given = "" if isinstance(error["input"], dict) else f" (got {error['input']!r:.60})"
    return f"field {field}: {message}{given}" if field else message

"""From a delivery to what was heard."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from services.aggregator.heard import Heard
from shared import telemetry
from shared.bus import Delivery
from shared.messages import Message, now


def hear(kind: type[Message]) -> Callable[[Delivery], Heard]:
    """Decode deliveries of one message type."""

    def decode(delivery: Delivery) -> Heard:
        return Heard(
            message=kind.model_validate_json(delivery.body),
            message_id=delivery.message_id or sha256(delivery.body).hexdigest(),
            trace_id=telemetry.trace_id(delivery.headers.get("traceparent")),
            at=now(),
            said_at=_stamp(delivery.headers.get("timestamp", "")),
        )

    return decode


def _stamp(milliseconds: str) -> datetime | None:
    """The broker's time stamp [ms since 1970]."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds.isdecimal() else None

"""From a delivery to what was heard."""

from collections.abc import Callable
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
        )

    return decode

"""Messages of the mesh as STOMP messages, and back into dead letter queues."""

from collections.abc import Iterator

from shared import telemetry
from shared.bus import Delivery
from shared.messages import Message
from shared.stomp.outgoing import Outgoing
from shared.topology import Kind, Route, Topology

MAX_REASON_BYTES = 2048
DAY_S = 86400
FROM_THE_BROKER = frozenset(
    {"destination", "subscription", "message-id", "ack", "content-length", "receipt", "transaction", "redelivered"}
    | {"expires", "timestamp", "persistent", "original-destination", "dead-letter-reason", "browser"}
    | {"original-message-id", "redeliveryDelay", "scheduledJobId", "originalExpiration"}
)


def letters(message: Message, topology: Topology) -> Iterator[tuple[Route, Outgoing]]:
    """A message, once for each destination that the topology gives it."""
    body = message.to_json()
    for route, destination in topology.destinations(message):
        with telemetry.sending(destination, len(body)) as trace_headers:
            yield route, Outgoing(destination, _headers(message, route) | trace_headers, body, route.expires_s)


def _headers(message: Message, route: Route) -> dict[str, str]:
    headers = {"content-type": "application/json", "message-type": type(message).__name__}
    headers["persistent"] = "false" if route.kind is Kind.TOPIC else "true"
    headers["priority"] = str(route.priority_of(message))
    if correlation_id := getattr(message, "correlation_id", None):
        headers["correlation-id"] = correlation_id
    return headers


def dead_letter(delivery: Delivery, topology: Topology, reason: str, keep_days: float) -> Outgoing:
    """The message itself, on its way to its queue's dead letter queue, where it stays so long [days]."""
    source = queue_of(delivery)
    why = {
        "original-destination": source,
        "original-message-id": delivery.message_id,
        "dead-letter-reason": _shortened(reason),
        "persistent": "true",
    }
    destination = topology.dead_letters(source)
    with telemetry.sending(destination, len(delivery.body)) as trace_headers:
        headers = application_headers(delivery) | why | trace_headers
        return Outgoing(destination, headers, delivery.body, DAY_S * keep_days)


def queue_of(delivery: Delivery) -> str:
    """The queue that a delivery came from, also when a wildcard was subscribed to."""
    wildcard = "*" in delivery.source or ">" in delivery.source
    return delivery.headers.get("destination", delivery.source) if wildcard else delivery.source


def application_headers(delivery: Delivery) -> dict[str, str]:
    """The headers that the sender gave."""
    return {key: value for key, value in delivery.headers.items() if key not in FROM_THE_BROKER}


def _shortened(reason: str) -> str:
    return reason.replace("\0", "�").encode()[:MAX_REASON_BYTES].decode(errors="ignore")

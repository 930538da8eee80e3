"""How full a queue is, by ActiveMQ's statistics plugin; brokers without it, or without its JSON, answer nothing."""

import asyncio
from typing import Any

import anyio
import orjson
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

from shared.stomp.client import Client
from shared.stomp.connection import Connection
from shared.stomp.errors import ConnectionLostError, RefusalError
from shared.stomp.outgoing import Outgoing
from shared.stomp.wire import Frame, encode

ANSWER_S = 2.0
ANSWERS = "/temp-queue/statistics"


class QueueStatistics(BaseModel):
    """Counters of one queue since the broker started."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    size: NonNegativeInt = Field(description="messages that wait or are in hand")
    n_consumers: NonNegativeInt = Field(alias="consumerCount")
    n_enqueued: NonNegativeInt = Field(alias="enqueueCount")
    n_dequeued: NonNegativeInt = Field(alias="dequeueCount")
    n_expired: NonNegativeInt = Field(alias="expiredCount")
    n_in_flight: NonNegativeInt = Field(alias="inflightCount", description="delivered and not acknowledged")
    mean_wait_ms: NonNegativeFloat = Field(alias="averageEnqueueTime", description="time spent in the queue [ms]")


class _Answers:
    """Listens for the one message that the plugin sends."""

    def __init__(self) -> None:
        self.first: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    def deliver(self, connection: Connection, frame: Frame) -> None:
        del connection
        self._resolve(frame.body)

    def complain(self, connection: Connection, refusal: RefusalError) -> None:
        del connection, refusal
        self._resolve(None)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._resolve(None)

    def _resolve(self, body: bytes | None) -> None:
        if not self.first.done():
            self.first.set_result(body)


async def ask(client: Client, queue: str) -> QueueStatistics | None:
    """Ask over a connection of its own: a broker that cannot write JSON drops the connection that asked.

    Raises:
        ConnectionLostError: it did so.
    """
    answers = _Answers()
    connection = await client.aside(answers)
    try:
        connection.write(encode("SUBSCRIBE", {"id": "1", "destination": ANSWERS, "transformation": "jms-map-json"}))
        await connection.request_all([_question(queue).frame(connection.broker_time)])
        with anyio.move_on_after(ANSWER_S):
            return _understood(await answers.first)
        return None
    finally:
        connection.abort("asked")


def _question(queue: str) -> Outgoing:
    name = queue.removeprefix("/queue/")
    return Outgoing(f"/queue/ActiveMQ.Statistics.Destination.{name}", {"reply-to": ANSWERS}, b"")


def _understood(body: bytes | None) -> QueueStatistics | None:
    """The plugin's JSON, ``{"map": {"entry": [{"string": ["size", ..]} or {"string": "size", "long": 3}, ..]}}``."""
    if body is None:
        raise ConnectionLostError("the broker dropped the question for statistics")
    try:
        return QueueStatistics.model_validate(_flattened(orjson.loads(body)))
    except (ValueError, LookupError, TypeError, StopIteration):
        return None


def _flattened(answer: dict[str, Any]) -> dict[str, Any]:
    """XStream's way to write a map: a number stands beside its key, a text in one list with it."""
    flat = {}
    for entry in answer["map"]["entry"]:
        key, *rest = entry["string"] if isinstance(entry["string"], list) else [entry["string"]]
        flat[key] = rest[0] if rest else next(value for kind, value in entry.items() if kind != "string")
    return flat

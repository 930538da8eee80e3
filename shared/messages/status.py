"""From every service to the aggregator: how it is."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from shared.messages.envelope import Message, Moment


class ServiceBeat(Message):
    """A service lives. Said on a topic, never stored."""

    schema_: Literal["service-beat/1"] = Field(default="service-beat/1", alias="schema")
    service: str
    instance: str = Field(description="host and process id")
    started_at: Moment
    at: Moment
    interval_s: PositiveFloat = Field(description="the next beat comes after so long [s]")
    handled: NonNegativeInt = Field(description="messages settled since the start")
    rejected: NonNegativeInt = Field(description="messages sent to a dead letter queue since the start")
    commits: NonNegativeInt = Field(default=0, description="transactions that the broker committed since the last beat")
    commit_median_ms: NonNegativeFloat | None = Field(
        default=None, description="median time of such a COMMIT, until its receipt [ms]; none: there was none"
    )
    commit_longest_ms: NonNegativeFloat | None = Field(default=None, description="longest of them [ms]")


class MessageDeadLettered(Message):
    """A service could not handle a message; it waits in a dead letter queue for an operator."""

    schema_: Literal["message-dead-lettered/1"] = Field(default="message-dead-lettered/1", alias="schema")
    service: str
    queue: str = Field(description="the queue it came from")
    dead_letter_queue: str
    message_id: str = Field(description="the broker's id of the message that failed")
    reason: str
    trace_id: str | None = Field(default=None, description="W3C trace id, 32 hexadecimal digits")
    at: Moment


class DeadLetterTaken(Message):
    """An operator took a message out of a dead letter queue."""

    schema_: Literal["dead-letter-taken/1"] = Field(default="dead-letter-taken/1", alias="schema")
    dead_letter_queue: str
    message_id: str = Field(description="the broker's id of the message that had failed")
    action: Literal["retried", "dropped"]
    at: Moment

"""From every service to the aggregator: how it is."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from shared.messages.envelope import Message, Moment, Part


class ClockJump(Part):
    """The wall clock of a process left the time that the process was awake."""

    put_s: float = Field(default=0, description="how far the wall clock was put ahead; negative: back [s]")
    still_s: NonNegativeFloat = Field(default=0, description="how long the process stood still, as if suspended [s]")
    at: Moment = Field(description="when it was noticed, by the clock after it")

    @property
    def lost_s(self) -> float:
        """How much farther than the process was awake the wall clock has gone on [s]."""
        return self.put_s + self.still_s

    def __str__(self) -> str:
        put = f"the clock was put {'ahead' if self.put_s > 0 else 'back'} by {abs(self.put_s):.0f} s"
        still = f"the process stood still for {self.still_s:.0f} s"
        return "; ".join([put] * bool(self.put_s) + [still] * bool(self.still_s))


class ServiceBeat(Message):
    """A service lives. Said on a topic, never stored."""

    schema_: Literal["service-beat/1"] = Field(default="service-beat/1", alias="schema")
    service: str
    instance: str = Field(description="host and process id")
    started_at: Moment
    at: Moment
    interval_s: PositiveFloat = Field(description="the next beat comes after so long [s]")
    clock_jump: ClockJump | None = Field(default=None, description="the last one of the past hour")
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

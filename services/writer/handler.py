"""What the writer does with each message: write it down, then wake the publisher."""

from collections.abc import AsyncIterator

from services.writer.publisher import Bell
from services.writer.record import Record
from shared import telemetry
from shared.messages import (
    CollectionAccepted,
    CollectionEnded,
    Message,
    ProcessingRecorded,
    ProcessingResult,
    SpotsFound,
)

SILENCE: tuple[Message, ...] = ()
"""What an asynchronous generator yields that has nothing to say."""


async def record_collection(message: CollectionAccepted, *, record: Record, bell: Bell) -> AsyncIterator[Message]:
    """A collection has begun; its images may be there already."""
    await record.accept(message, telemetry.traceparent())
    bell.ring()
    for silence in SILENCE:
        yield silence


async def record_end(message: CollectionEnded, *, record: Record, bell: Bell) -> AsyncIterator[Message]:
    """No more images will come."""
    await record.end(message, telemetry.traceparent())
    bell.ring()
    for silence in SILENCE:
        yield silence


async def record_spots(message: SpotsFound, *, record: Record, bell: Bell) -> AsyncIterator[Message]:
    """A block of images; the publisher is woken by the last one, and looks after late ones by itself."""
    if await record.add_spots(message, telemetry.traceparent()):
        bell.ring()
    for silence in SILENCE:
        yield silence


async def record_processing(message: ProcessingResult, *, record: Record) -> AsyncIterator[Message]:
    """The end of a run; a repeat is answered as the first was."""
    recorded_at = await record.add_processing(message, telemetry.traceparent())
    yield ProcessingRecorded(result=message, recorded_at=recorded_at)

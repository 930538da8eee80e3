"""An announcement in; an answer, image blocks and processing requests out."""

from collections.abc import AsyncIterator, Iterator

import anyio.to_thread

from services.ingester.blocks import cut_blocks
from services.ingester.gda import Announced, UnusableAnnouncementError, claimed_identity, read_event
from services.ingester.memory import Memory, Novelty
from services.ingester.paths import check_paths
from services.ingester.settings import Settings
from shared import telemetry
from shared.messages import (
    AnnouncementRejected,
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionEnds,
    CollectionStarts,
    Message,
    ProcessCollection,
    now,
)
from shared.service import RefusedError


async def ingest(announced: Announced, *, memory: Memory, settings: Settings) -> AsyncIterator[Message]:
    """Act on one announcement, once.

    Raises:
        RefusedError: it cannot be acted on; carries the rejection for its sender.
    """
    try:
        event = read_event(announced.body)
        if isinstance(event, CollectionStarts):
            await anyio.to_thread.run_sync(check_paths, event, settings.data_roots)
    except UnusableAnnouncementError as fault:
        raise RefusedError(str(fault), reject(announced, str(fault), fault.remedy)) from fault
    if await memory.remember(event, announced.message_id, telemetry.traceparent()) is Novelty.REPEATED:
        yield _reject_repeat(announced, event)
    elif isinstance(event, CollectionStarts):
        async for message in _begin(announced, event, memory, settings):
            yield message
    else:
        async for message in _end(announced, event, memory):
            yield message


async def _begin(
    announced: Announced, event: CollectionStarts, memory: Memory, settings: Settings
) -> AsyncIterator[Message]:
    collection = Collection.model_validate(event.model_dump())
    yield CollectionAccepted(
        collection=collection,
        announced_at=event.announced_at,
        answered_at=now(),
        reply_to=announced.reply_to,
        correlation_id=announced.correlation_id,
    )
    if collection.experiment == "gridscan" or settings.rotation_spots:
        for block in cut_blocks(collection, now(), settings):
            yield block
    end = await memory.recall(event.ref, "end") if collection.experiment == "rotation" else None
    if end and isinstance(end.event, CollectionEnds):
        for request in _requests(collection, end.event):
            yield request


async def _end(announced: Announced, event: CollectionEnds, memory: Memory) -> AsyncIterator[Message]:
    start = await memory.recall(event.ref, "start")
    telemetry.adopt(start.traceparent if start else None)
    yield CollectionEnded(
        collection=event.ref,
        outcome="ended" if event.event == "end" else "aborted",
        answered_at=now(),
        reply_to=announced.reply_to,
        correlation_id=announced.correlation_id,
    )
    if start and isinstance(start.event, CollectionStarts) and start.event.experiment == "rotation":
        for request in _requests(Collection.model_validate(start.event.model_dump()), event):
            yield request


def _requests(collection: Collection, end: CollectionEnds) -> Iterator[ProcessCollection]:
    """Once start and end of a rotation are known, the launcher decides what runs; nothing runs after an abort."""
    if end.event == "end":
        yield ProcessCollection(collection=collection)


def _reject_repeat(announced: Announced, event: CollectionStarts | CollectionEnds) -> AnnouncementRejected:
    return reject(
        announced,
        f"the {event.event} of collection {event.ref} with message_index {event.message_index} was announced before",
        "nothing is lost, the first announcement counts; a new collection needs a dcid of its own, "
        "a deliberate repeat the next message_index",
    )


def reject(announced: Announced, reason: str, remedy: str) -> AnnouncementRejected:
    """The answer to an announcement that cannot be acted on."""
    beamline, dcid = claimed_identity(announced.body)
    return AnnouncementRejected(
        reason=reason,
        remedy=remedy,
        beamline=beamline,
        dcid=dcid,
        body=announced.body[:4096].decode(errors="replace"),
        answered_at=now(),
        reply_to=announced.reply_to,
        correlation_id=announced.correlation_id,
    )

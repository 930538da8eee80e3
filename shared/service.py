"""The loop every service runs: receive, handle, settle; and what surrounds it: probes, beats, a clean stop."""

import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup
from pydantic import ValidationError
from starlette.applications import Starlette

from shared import logs, rotation, stomp, telemetry
from shared.bus import BrokerError, Bus, Delivery, StaleDeliveryError
from shared.clock import process_clock
from shared.faults import leaves
from shared.messages import CollectionRef, Message, MessageDeadLettered, now
from shared.pulse import Pulse
from shared.rotation import RotatedFile
from shared.settings import ServiceSettings
from shared.web import probes, serve_http

M = TypeVar("M")
Said = TypeVar("Said", bound=Message)
Decode = Callable[[Delivery], M]
Handler = Callable[[M], AsyncIterator[Message]]
EXPLAINED = (BrokerError, ValidationError, OSError)  # faults whose own words say what to do
KEEP_INTERVAL_S = 10.0
log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A handler cannot act on its message, but has something to say about it; the message is dead-lettered."""

    def __init__(self, reason: str, *replies: Message) -> None:
        super().__init__(reason)
        self.replies = replies


@dataclass(frozen=True)
class Inbox(Generic[M]):
    """One destination that a service reads, and what it does with it.

    Attributes:
        source: full destination name.
        decode: delivery to message; what it raises dead-letters the delivery.
        handler: message in, messages out.
        prefetch: deliveries in hand at a time.
    """

    source: str
    decode: Decode[M]
    handler: Handler[M]
    prefetch: int


@dataclass(frozen=True)
class Member:
    """A running service: its bus, its pulse, and the tasks that end with it."""

    bus: Bus
    pulse: Pulse
    tasks: TaskGroup

    async def listen(self, inbox: Inbox[M]) -> None:
        """Subscribe now; handle deliveries in the background."""
        await self.tasks.start(serve, self, inbox)


@asynccontextmanager
async def join(service: str, settings: ServiceSettings) -> AsyncIterator[Member]:
    """Be part of the mesh until SIGTERM or SIGINT; what is unfinished then goes back to the broker."""
    files = _open_files(service, settings)
    pulse = Pulse(service, clock_jump=process_clock.worth_telling)
    process_clock.on_jump.append(pulse.move)
    async with anyio.create_task_group() as outer:
        outer.start_soon(_cancel_on_signal, outer)
        outer.start_soon(process_clock.watch)
        outer.start_soon(_keep, files)
        if settings.probe_port:
            outer.start_soon(serve_http, Starlette(routes=probes(pulse)), settings.probe_host, settings.probe_port)
        async with stomp.connect(service, settings.broker, settings.topology) as bus:
            pulse.broker_connected = lambda: bus.connected
            pulse.commit_times_s = bus.commit_times_s
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_beat, bus, pulse, settings.beat_interval_s)
                yield Member(bus, pulse, tasks)
                tasks.cancel_scope.cancel()
        outer.cancel_scope.cancel()


def _open_files(service: str, settings: ServiceSettings) -> list[RotatedFile]:
    """Log and trace where the settings say; returns what has to be kept small meanwhile."""
    spans = rotation.rotated(settings.span_file, settings.span_mb, settings.span_days)
    log_file = rotation.rotated(settings.log_file, settings.log_mb, settings.log_days)
    output = rotation.standard_error(settings.log_mb, settings.log_days) if log_file else None
    telemetry.configure(service, spans)
    logs.configure(service, settings.log_level, log_file)
    return [file for file in (spans, log_file, output) if file]


async def _keep(files: Sequence[RotatedFile]) -> None:
    """Files stay within their size and age also while nothing is written."""
    while files:
        for file in files:
            file.keep()
        await anyio.sleep(KEEP_INTERVAL_S)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a service's ``main``; a wrong setting, a taken port or a refused login ends it with one clear line."""
    try:
        anyio.run(main)
    except EXPLAINED as fault:
        raise SystemExit(str(fault)) from None
    except BaseExceptionGroup as group:
        explained, unexpected = group.split(EXPLAINED)
        if unexpected or not explained:
            raise
        raise SystemExit("; ".join(str(fault) for fault in leaves(explained))) from None


def body_as(kind: type[Said]) -> Decode[Said]:
    """Decode a delivery's JSON body as one message type."""
    return lambda delivery: kind.model_validate_json(delivery.body)


async def work(member: Member) -> None:
    """Everything is subscribed: say so, and go on until the service is told to stop."""
    member.pulse.prepared = True
    log.info("ready")
    await anyio.sleep_forever()


async def _cancel_on_signal(tasks: TaskGroup) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for received in signals:
            log.info("stopping on %s", received.name)
            tasks.cancel_scope.cancel()
            return


async def _beat(bus: Bus, pulse: Pulse, interval_s: float) -> None:
    while True:
        with telemetry.untraced():
            await bus.publish(pulse.beat(interval_s))
        await anyio.sleep(interval_s)


async def serve(
    member: Member, inbox: Inbox[M], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Handle deliveries until cancelled; the broker's prefetch bounds the concurrency."""
    subscription = member.bus.subscribe(inbox.source, prefetch=inbox.prefetch)
    async with subscription as deliveries, anyio.create_task_group() as tasks:
        task_status.started()
        async for delivery in deliveries:
            tasks.start_soon(process, member, delivery, inbox)


async def process(member: Member, delivery: Delivery, inbox: Inbox[M]) -> None:
    """Replies and acknowledgement are one transaction: whoever dies in between loses nothing and says nothing twice."""
    with telemetry.processing(delivery.source, delivery.headers, len(delivery.body)) as span:
        try:
            message = inbox.decode(delivery)
            span.set_attributes(_identify(message))
            replies = [reply async for reply in inbox.handler(message)]
        except RefusedError as refusal:
            await _settle(member, delivery, list(refusal.replies), reason=str(refusal))
        except Exception as fault:  # the only broad handler of the mesh: one bad message must not stop the others
            log.exception("dead-lettered one message from %s", delivery.source)
            span.record_exception(fault)
            await _settle(member, delivery, [], reason=f"{type(fault).__name__}: {fault}")
        else:
            await _settle(member, delivery, replies)


def _identify(message: object) -> dict[str, str | int]:
    """Span attributes of the collection that a message is about; the log lines get it, too."""
    ref = getattr(message, "collection", None)
    ref = getattr(ref, "ref", ref)
    if not isinstance(ref, CollectionRef):
        return {}
    logs.collection.set(str(ref))
    return {telemetry.COLLECTION: ref.id, telemetry.BEAMLINE: ref.beamline, telemetry.VISIT: ref.visit}


async def _settle(member: Member, delivery: Delivery, replies: list[Message], reason: str | None = None) -> None:
    try:
        if reason is None:
            await member.bus.settle(delivery, replies)
            member.pulse.handled += 1
        else:
            await member.bus.dead_letter(delivery, reason, [*replies, _obituary(member, delivery, reason)])
            member.pulse.rejected += 1
    except StaleDeliveryError:
        log.warning("the connection was lost before the acknowledgement; the message comes again")
    except BrokerError as refusal:
        log.error("the broker refused a settlement: %s", refusal)  # noqa: TRY400 - the broker's words say all


def _obituary(member: Member, delivery: Delivery, reason: str) -> MessageDeadLettered:
    return MessageDeadLettered(
        service=member.pulse.service,
        queue=delivery.source,
        dead_letter_queue=member.bus.topology.dead_letters(delivery.source),
        message_id=delivery.message_id,
        reason=reason,
        trace_id=telemetry.trace_id(),
        at=now(),
    )

"""Very many messages through one service on one connection; the broker's memory and its COMMITs are watched."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import orjson
from pydantic import SecretStr

from benchmarks.commits.brokers import Memory, memory
from cli.broker import LocalBroker
from cli.broker_configuration import free_ports
from cli.processes import ServiceProcess
from cli.world import outside
from shared.messages import (
    Collection,
    CollectionStarts,
    FindSpots,
    Message,
    ProcessCollection,
    ProcessingResult,
    RunChanged,
    RunRef,
    RunState,
    ServiceBeat,
    now,
)
from shared.rotation import OutputFile
from shared.settings import BrokerSettings
from shared.stomp import StompBus

IN_FLIGHT = 4000  # more than a service does between two of its beats
BEAT_S = 1.0
START_S = 120.0
ANNOUNCED: dict[str, Any] = {
    "beamline": "i03",
    "visit": "cm12345-1",
    "dcid": 1,
    "visit_directory": "/nowhere/cm12345-1",
    "prefix": "x",
    "run_number": 1,
    "number_of_images": 1,
    "exposure_s": 0.001,
    "experiment": "rotation",
    "rotation": {"start_deg": 0, "width_deg": 0.1},
}


@dataclass(frozen=True)
class Course:
    """What one service is fed, always the same, since a repeat is settled as news is; its settings and its folder."""

    service: str
    fed: Message
    folder: Path
    settings: dict[str, Any]


@dataclass(frozen=True)
class Passed:
    """One service.

    Attributes:
        per_s: messages a second, of each tenth.
        commit_ms: median COMMIT of each tenth [ms]; None: it has no replies, and commits nothing.
        memory: of the broker after each tenth; empty without a JDK.
    """

    per_s: list[float]
    commit_ms: list[float | None]
    memory: list[Memory]


def course_of(service: str, folder: Path) -> Course:
    """None of it needs an image."""
    collection = Collection.model_validate(ANNOUNCED)
    run = RunRef(run_id="i03-1-dials-0-1", collection=collection.ref, pipeline="dials")
    place = {"collection": collection.ref, "master_file": "/nowhere/x.h5", "deadline": now(), "wait_s": 0}
    database = {"database_url": f"sqlite+aiosqlite:///{folder}/database.sqlite"}
    ended = {"run": run, "family": "dials", "state": RunState.FAILED, "reason": "a benchmark", "ended_at": now()}
    request = ProcessCollection(collection=collection, pipeline="dials", parameters={"no": "such"})
    changed = RunChanged(run=run, state=RunState.QUEUED, at=now())
    fed: dict[str, tuple[Message, dict[str, Any]]] = {
        "ingester": (CollectionStarts(event="start", **ANNOUNCED), database | {"data_roots": ["/"]}),
        "spotfinder": (FindSpots(first_image=0, n_images=1, **place), {"workers": 1}),
        "launcher": (request, {"state_directory": str(folder / "runs")}),
        "writer": (ProcessingResult(**ended), database),
        "aggregator": (changed, database | {"page_port": free_ports(1)[0]}),
    }
    message, settings = fed[service]
    return Course(service, message, folder, settings)


@dataclass
class Watched:
    """What a service says of itself in its beats."""

    n_handled: int = 0
    commit_ms: list[float] = field(default_factory=list)

    async def hear(self, bus: StompBus, service: str) -> None:
        """For ever."""
        async with bus.subscribe(bus.topology.source(ServiceBeat, "aggregator"), prefetch=100) as deliveries:
            async for delivery in deliveries:
                beat = ServiceBeat.model_validate_json(delivery.body)
                await bus.settle(delivery)
                if beat.service == service:
                    self.n_handled = beat.handled + beat.rejected
                    self.commit_ms += [beat.commit_median_ms] if beat.commit_median_ms else []


async def feed(broker: LocalBroker, course: Course, n: int, on_progress: Callable[[int], None]) -> Passed:
    """Pass ``n`` messages, a multiple of ten, through a service."""
    passed, watched = Passed([], [], []), Watched()
    login = BrokerSettings(url=broker.url, user=broker.user, password=SecretStr(broker.password))
    async with _service(broker, course), outside(login) as bus, anyio.create_task_group() as tasks:
        tasks.start_soon(watched.hear, bus, course.service)
        for queue in spoken_to(bus, course.service):
            tasks.start_soon(drain, bus, queue)
        tasks.start_soon(send, bus, course, n, watched)
        for tenth in range(10):
            await _pass(watched, (tenth + 1) * (n // 10), passed, on_progress)
            if left := await anyio.to_thread.run_sync(memory, broker):
                passed.memory.append(left)
        tasks.cancel_scope.cancel()
    return passed


async def _pass(watched: Watched, until: int, passed: Passed, on_progress: Callable[[int], None]) -> None:
    began_s, began_at = anyio.current_time(), watched.n_handled
    watched.commit_ms.clear()
    while watched.n_handled < until:
        before = watched.n_handled
        await anyio.sleep(BEAT_S / 4)
        on_progress(watched.n_handled - before)
    passed.per_s.append((watched.n_handled - began_at) / (anyio.current_time() - began_s))
    passed.commit_ms.append(median(watched.commit_ms) if watched.commit_ms else None)


async def send(bus: StompBus, course: Course, n: int, watched: Watched) -> None:
    """Feed it, never far ahead; the service that has its queue is the only one there."""
    queue, body, sent = bus.topology.source(type(course.fed), course.service, family="dials"), course.fed.to_json(), 0
    while sent < n:
        if sent - watched.n_handled > IN_FLIGHT:
            await anyio.sleep(BEAT_S / 10)
            continue
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(bus.send_raw, queue, body)
        sent += 100


def spoken_to(bus: StompBus, name: str) -> Iterator[str]:
    """Queues that would fill with what the service says."""
    for kind in bus.topology.spoken_by(name):
        yield from bus.topology.inboxes(kind)
    if name == "launcher":
        yield bus.topology.source(ProcessingResult, "writer", family="dials")
    if name == "ingester":
        yield bus.topology.dead_letters(bus.topology.source(CollectionStarts, name))


async def drain(bus: StompBus, queue: str) -> None:
    """Throw away what comes."""
    headers = {"activemq.prefetchSize": "1000"}
    async with bus._client.subscribed(queue, headers, ack="auto") as deliveries:  # noqa: SLF001 - below the port
        async for _ in deliveries:
            pass


@asynccontextmanager
async def _service(broker: LocalBroker, course: Course) -> AsyncIterator[None]:
    port = course.settings.get("page_port") or free_ports(1)[0]
    probes = {} if "page_port" in course.settings else {"probe_port": port}
    login = {"url": broker.url, "user": broker.user, "password": broker.password}
    settings = {"broker": login, "beat_interval_s": BEAT_S, "log_level": "ERROR", **probes, **course.settings}
    file, log = course.folder / "settings.json", course.folder / "service.log"
    file.write_bytes(orjson.dumps(settings))
    process = ServiceProcess(course.service, file, log, OutputFile(log), f"http://127.0.0.1:{port}/readyz", print)
    async with anyio.create_task_group() as tasks:
        await tasks.start(process.supervise)
        await process.wait_until_ready(START_S)
        yield
        tasks.cancel_scope.cancel()

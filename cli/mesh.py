"""A whole mesh on this machine: a broker and the five services, each a process."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
from anyio import to_thread

from cli.broker import LocalBroker
from cli.broker_configuration import free_ports
from cli.home import RunningMesh, log_file, settings_file, spans_folder
from cli.processes import ServiceProcess
from shared.rotation import OutputFile
from shared.settings import BrokerSettings, ServiceSettings
from shared.topology import SERVICES

READY_TIMEOUT_S = 300.0  # the first start on a busy machine compiles the kernels
BROKER_WATCH_S = 0.5
SettingsOf = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """What to start.

    Attributes:
        home: folder for databases, logs, broker.
        data_roots: where announced data may lie.
        page_port: of the status page; 0 takes a free one.
        overrides: settings by service name, or under ``common`` for all of them.
        tell: gets a line for the operator when something happens.
    """

    home: Path
    data_roots: tuple[Path, ...]
    beamline: str = "i03"
    mode: str = "live"
    page_port: int = 8600
    overrides: SettingsOf = field(default_factory=dict)
    tell: Callable[[str], None] = print

    @property
    def database(self) -> Path:
        """The writer's SQLite file."""
        return self.home / "results.sqlite"

    @property
    def history(self) -> Path:
        """The aggregator's SQLite file."""
        return self.home / "status.sqlite"


@dataclass
class Mesh:
    """A running mesh."""

    plan: Plan
    running: RunningMesh
    services: dict[str, ServiceProcess]
    broker: LocalBroker | None


@asynccontextmanager
async def start_mesh(plan: Plan) -> AsyncIterator[Mesh]:
    """Broker first, then the services side by side; ready when all of them are. Stops in the reverse order.

    Raises:
        LocalBrokerError, NoActiveMQError: no broker could be started.
        TimeoutError: a service did not get ready.
    """
    async with _broker(plan) as (settings, broker):
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        if plan.page_port:
            ports["aggregator"] = plan.page_port
        monitor_url = broker.monitor_url if broker else None
        services = {name: _service(plan, name, settings, monitor_url, ports[name]) for name in SERVICES}
        running = _describe(plan, settings, ports["aggregator"])
        async with anyio.create_task_group() as tasks:
            for service in services.values():
                await tasks.start(service.supervise)
            async with anyio.create_task_group() as waiting:
                for service in services.values():
                    waiting.start_soon(service.wait_until_ready, READY_TIMEOUT_S)
            running.write(plan.home)
            try:
                yield Mesh(plan, running, services, broker)
            finally:
                RunningMesh.remove(plan.home)
                tasks.cancel_scope.cancel()


@asynccontextmanager
async def _broker(plan: Plan) -> AsyncIterator[tuple[BrokerSettings, LocalBroker | None]]:
    """The broker that $MXMESH_BROKER_URL names, or one of our own that is started again when it dies."""
    if os.environ.get("MXMESH_BROKER_URL"):
        yield ServiceSettings.load().broker, None
        return
    broker = LocalBroker(plan.home / "broker", monitored=True)
    try:
        await to_thread.run_sync(broker.start)
        plan.tell(f"ActiveMQ ({broker.source.name if broker.source else 'unknown'}) answers at {broker.url}")
        if store := broker.files.earlier_store:
            plan.tell(f"messages of an earlier release may wait in {store}, which is not read; see docs/operations.md")
        settings = {"url": broker.url, "user": broker.user, "password": broker.password}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_keep_alive, broker, plan.tell)
            yield BrokerSettings.model_validate(settings), broker
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(broker.stop)


async def _keep_alive(broker: LocalBroker, tell: Callable[[str], None]) -> None:
    while True:
        await anyio.sleep(BROKER_WATCH_S)
        broker.log.keep()
        if broker.pid is None:
            tell("the broker ended; starting it again on the same store")
            await to_thread.run_sync(broker.start)


def _service(plan: Plan, name: str, broker: BrokerSettings, monitor_url: str | None, port: int) -> ServiceProcess:
    path = settings_file(plan.home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(_settings(plan, name, broker, monitor_url, port), option=orjson.OPT_INDENT_2))
    log = log_file(plan.home, name)
    output = OutputFile(log.with_suffix(".out"))
    return ServiceProcess(name, path, log, output, f"http://127.0.0.1:{port}/readyz", plan.tell)


def _settings(plan: Plan, name: str, broker: BrokerSettings, monitor_url: str | None, port: int) -> dict[str, Any]:
    """Common settings, then the service's own, then what the operator overrides."""
    home = plan.home
    password = broker.password.get_secret_value() if broker.password else None
    own: SettingsOf = {
        "ingester": {
            "data_roots": [str(root) for root in plan.data_roots],
            "database_url": _sqlite(home / "announcements.sqlite"),
        },
        "launcher": {"data_roots": [str(root) for root in plan.data_roots], "state_directory": str(home / "runs")},
        "writer": {"database_url": _sqlite(plan.database)},
        "aggregator": {
            "database_url": _sqlite(plan.history),
            "page_port": port,
            "monitor": {"url": monitor_url} if monitor_url else {},
        },
    }
    return {
        "beamline": plan.beamline,
        "mode": plan.mode,
        "broker": {**broker.model_dump(exclude={"password"}), "password": password},
        "probe_port": 0 if name == "aggregator" else port,
        "log_file": str(log_file(home, name)),
        "span_file": str(spans_folder(home) / f"{name}.jsonl"),
        **own.get(name, {}),
        **plan.overrides.get("common", {}),
        **plan.overrides.get(name, {}),
    }


def _sqlite(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path.absolute()}"


def _describe(plan: Plan, broker: BrokerSettings, page_port: int) -> RunningMesh:
    return RunningMesh(
        pid=os.getpid(),
        beamline=plan.beamline,
        broker_url=broker.url,
        broker_user=broker.user,
        broker_password=broker.password.get_secret_value() if broker.password else None,
        broker_prefix=broker.prefix,
        page_url=f"http://127.0.0.1:{page_port}",
        data_roots=plan.data_roots,
        database=plan.database,
        spans=spans_folder(plan.home),
    )

"""Services whose clock is put, by libfaketime, or that are stopped, in the middle of a grid scan."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import orjson
import pytest

from cli.broker_configuration import free_ports
from cli.world import outside
from shared.messages import CollectionRef, CollectionStarts, GridResult
from shared.settings import BrokerSettings
from shared.stomp import StompBus
from simulator.gda import Session, collect, describe_grid, detector_of

NAMES = ("ingester", "spotfinder", "writer", "aggregator")
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
START_TIMEOUT_S, PATIENCE_S, QUIET_S = 180, 30, 2
GRACE_S = 7  # an image that comes later is lost
BEAT_S = 2
pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(360),
    pytest.mark.skipif(not LIBRARIES, reason="libfaketime is missing; Debian's package faketime brings it"),
]


@dataclass
class Services:
    """Four services with one wall clock, which is not the broker's; their monotonic clocks are true."""

    folder: Path
    broker: BrokerSettings
    processes: dict[str, subprocess.Popen]
    page_url: str

    @property
    def session(self) -> Session:
        return Session(self.folder / "cm12345-1")

    def put_clock(self, offset: str) -> None:
        """Off the true time by so much from now on, such as ``+1d`` or ``-1h``."""
        put_clock(self.folder, offset)

    def signal(self, number: signal.Signals) -> None:
        for process in self.processes.values():
            process.send_signal(number)

    def health(self) -> dict:
        return httpx.get(f"{self.page_url}/api/health", trust_env=False, timeout=10).raise_for_status().json()


def silent(health: dict) -> set[str]:
    """Services that the page takes for dead, but for the launcher, which is not there."""
    services = {each["service"]: each["condition"] for each in health["services"]}
    return {name for name in NAMES if services[name] != "alive"}


def put_clock(folder: Path, offset: str) -> None:
    draft = folder / "clock.draft"
    draft.write_text(f"{offset}\n")
    draft.replace(folder / "clock")


def settings_of(name: str, folder: Path, broker: BrokerSettings, port: int) -> dict:
    reach = broker.model_dump(mode="json") | {"password": broker.password and broker.password.get_secret_value()}
    database = {"database_url": f"sqlite+aiosqlite:///{folder}/{name}.sqlite"}
    own = {
        "ingester": {"data_roots": [str(folder)], "image_grace_s": GRACE_S, **database},
        "spotfinder": {"workers": 1},
        "writer": database,
        "aggregator": {"page_port": port, **database},
    }
    probe = {} if name == "aggregator" else {"probe_port": port}
    return {"broker": reach, "beat_interval_s": BEAT_S, **probe, **own[name]}


def start(name: str, folder: Path, broker: BrokerSettings, port: int) -> subprocess.Popen:
    settings = folder / f"{name}.json"
    settings.write_bytes(orjson.dumps(settings_of(name, folder, broker, port)))
    fake = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    environment = {**os.environ, **fake, "MXMESH_SETTINGS": str(settings)}
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", f"services.{name}"], env=environment, stderr=log)


def wait_until_ready(name: str, folder: Path, port: int) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(f"{name} did not get ready:\n{(folder / f'{name}.log').read_text()}")


@pytest.fixture(scope="module")
def services(tmp_path_factory, broker: BrokerSettings) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("clocks")
    own = broker.model_copy(update={"prefix": f"t{secrets.token_hex(4)}."})
    put_clock(folder, "+0")
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    with ExitStack() as stack:
        processes = {name: stack.enter_context(start(name, folder, own, ports[name])) for name in NAMES}
        for process in processes.values():
            stack.callback(process.kill)
        for name in NAMES:
            wait_until_ready(name, folder, ports[name])
        yield Services(folder, own, processes, f"http://127.0.0.1:{ports['aggregator']}")


async def results_of(bus: StompBus, ref: CollectionRef) -> list[GridResult]:
    """All that the beamline is told of a grid scan, until it is quiet."""
    results: list[GridResult] = []
    async with bus.subscribe(bus.topology.queue(f"xrc.{ref.beamline}"), prefetch=1) as deliveries:
        with anyio.move_on_after(PATIENCE_S) as patience:
            async for delivery in deliveries:
                await bus.settle(delivery)
                results.append(GridResult.model_validate_json(delivery.body))
                patience.deadline = anyio.current_time() + QUIET_S
    return [result for result in results if result.collection == ref]


async def collect_and_hear(services: Services, small_grid, frames, dcid: int, happens: dict) -> list[GridResult]:
    """A live grid scan at 40 Hz; what happens at an image, happens before the next is written."""
    collection = describe_grid(services.session, small_grid, dcid)

    def written(image: int) -> None:
        if image in happens:
            happens[image]()

    async with outside(services.broker) as bus:
        await collect(bus, collection, detector_of(small_grid, frames, 40), written)
        return await results_of(bus, collection.ref)


async def announce_again(services: Services, small_grid, dcid: int) -> None:
    """What was announced before is known again, whatever the time; returns once the page says so."""
    collection = describe_grid(services.session, small_grid, dcid)
    async with outside(services.broker) as bus:
        await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
    with anyio.fail_after(PATIENCE_S):
        while not any("was announced before" in reason["what"] for reason in services.health()["reasons"]):
            await anyio.sleep(0.1)


def centred_once(results: list[GridResult]) -> bool:
    return [(r.version, r.status, r.n_found, r.n_failed) for r in results] == [(1, "whole", 48, 0)]


async def test_a_clock_put_ahead_a_day_and_back_an_hour_costs_no_image(services, small_grid, small_grid_frames):
    missed: set[str] = set()
    said: set[str] = set()

    def look() -> None:
        health = services.health()
        missed.update(silent(health))
        said.update(reason["what"] for reason in health["reasons"])

    happens = {
        10: lambda: services.put_clock("+1d"),
        16: look,
        24: lambda: (time.sleep(BEAT_S + 0.5), look()),  # told with the next beat
        28: lambda: services.put_clock("-1h"),
        34: look,
    }
    results = await collect_and_hear(services, small_grid, small_grid_frames, 1, happens)
    await anyio.to_thread.run_sync(look)
    await announce_again(services, small_grid, 1)

    assert centred_once(results), results
    assert missed == set()
    assert any("was put ahead by 1 d 0 h" in what for what in said), said
    assert any("was put back by 1 d 1 h" in what for what in said), said
    assert any("behind that of" in what or "ahead of that of" in what for what in said), said


async def test_services_that_stand_still_with_their_detector_cost_no_image(services, small_grid, small_grid_frames):
    def suspend() -> None:
        services.signal(signal.SIGSTOP)
        time.sleep(GRACE_S + 1)
        services.signal(signal.SIGCONT)

    results = await collect_and_hear(services, small_grid, small_grid_frames, 2, {20: suspend})

    assert centred_once(results), results
    assert silent(await anyio.to_thread.run_sync(services.health)) == set()

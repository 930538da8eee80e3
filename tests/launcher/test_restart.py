"""The launcher as a process on a real broker, with a stand-in xia2: killed at any instant, it knows its run."""

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import orjson
import pytest
from anyio import to_thread
from sqlalchemy import select

from services.writer.handler import record_processing
from services.writer.migrations import upgrade
from services.writer.record import Record
from services.writer.schema import processing_results
from shared import stomp, telemetry
from shared.database import open_database
from shared.messages import ProcessCollection, ProcessingResult, RunState
from shared.settings import BrokerSettings
from shared.topology import Topology
from shared.transactions import Transactions
from tests.launcher.builders import PYTHON, request, until
from tests.launcher.doomed import INSTANTS
from tests.launcher.samples import xia2_run
from tests.launcher.test_await_images import write_images

pytestmark = pytest.mark.broker
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

XIA2 = """#!/bin/sh
echo run >> started.txt
while [ ! -e {folder}/go ]; do sleep 0.05; done
cp -r {folder}/sample/* .
"""


@pytest.fixture
def asked(tmp_path):
    """A request to process a collection whose images are there."""
    asked = request(tmp_path / "visit", "xia2-dials", number_of_images=3)
    (tmp_path / "visit/lysozyme").mkdir(parents=True)
    write_images(tmp_path / "visit/lysozyme/xtal1_1_master.h5", 3, "entry/data/data")
    return asked


@pytest.fixture
def settings_file(tmp_path, broker, topology):
    """Of a launcher that finds a stand-in for xia2 on its PATH; it ends when a file named go appears."""
    xia2_run(tmp_path / "sample")
    program = tmp_path / "bin/xia2"
    program.parent.mkdir()
    program.write_text(XIA2.format(folder=tmp_path))
    program.chmod(0o755)
    (program.parent / "freerflag").symlink_to("/bin/true")
    reach = {"url": broker.url, "user": broker.user, "prefix": topology.prefix}
    own = {
        "broker": {**reach, "password": broker.password.get_secret_value()},
        "state_directory": str(tmp_path / "state"),
        "python": str(PYTHON),
        "environment": {"PATH": f"{program.parent}:/usr/bin:/bin"},
        "poll_s": 0.1,
        "span_file": str(tmp_path / "spans.jsonl"),
    }
    file = tmp_path / "launcher.json"
    file.write_bytes(orjson.dumps(own))
    return file


@contextmanager
def launcher(settings_file, *module):
    """The running process; its log stands beside the settings."""
    environment = {**os.environ, "MXMESH_SETTINGS": str(settings_file)}
    command = [sys.executable, "-m", *(module or ("services.launcher",))]
    with settings_file.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


async def started(tmp_path):
    """The run's directory, once xia2 runs in it."""
    with anyio.fail_after(60):
        while not (found := list(tmp_path.glob("visit/processed/**/started.txt"))):
            await anyio.sleep(0.05)
    return found[0].parent


async def test_a_run_outlives_a_killed_launcher_and_its_result_is_said(
    broker, topology, settings_file, asked, tmp_path
):
    queue = topology.queue("xia2-results")
    async with stomp.connect("writer", broker, topology) as mesh:
        with launcher(settings_file) as process:
            with telemetry.continuing(TRACE):
                await mesh.publish(asked)
            directory = await started(tmp_path)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        (tmp_path / "go").touch()
        with launcher(settings_file) as process, anyio.fail_after(60):
            async with mesh.subscribe(queue, prefetch=1) as deliveries:
                delivery = await anext(deliveries)
                await mesh.settle(delivery)
            process.terminate()
            assert process.wait(10) == 0
    result = ProcessingResult.model_validate_json(delivery.body)
    assert (result.run.run_id, result.state, result.reason) == (asked.run_id, RunState.SUCCEEDED, None)
    assert result.reduction.shells
    assert (directory / "started.txt").read_text() == "run\n"
    spans = [orjson.loads(line) for line in (tmp_path / "spans.jsonl").read_bytes().splitlines()]
    traced = {span["name"] for span in spans if span["trace_id"] == telemetry.trace_id(TRACE)}
    assert traced >= {"run xia2-dials", "await_images", "xia2", f"send {queue}"}


async def dies(process):
    """Wait until a doomed launcher has come to its instant."""
    assert await to_thread.run_sync(process.wait, 60) == -signal.SIGKILL


async def hear(bus, said):
    async with bus.subscribe(bus.topology.queue("xia2-results"), prefetch=10) as deliveries:
        async for delivery in deliveries:
            await bus.settle(delivery)
            said.append(ProcessingResult.model_validate_json(delivery.body))


@dataclass
class Users:
    """Those who ask for runs, and hear every end."""

    broker: BrokerSettings
    topology: Topology
    settings_file: Path
    said: list[ProcessingResult] = field(default_factory=list)

    @asynccontextmanager
    async def at_work(self):
        connection = stomp.connect("writer", self.broker, self.topology)
        async with connection as self.bus, anyio.create_task_group() as tasks:
            tasks.start_soon(hear, self.bus, self.said)
            yield
            tasks.cancel_scope.cancel()

    def doomed(self, instant):
        """A launcher that dies at this instant."""
        return launcher(self.settings_file, "tests.launcher.doomed", instant)

    async def requests(self):
        """What the broker has not had acknowledged."""
        return await self.bus.browse(self.topology.source(ProcessCollection, "launcher", urgency="primary"))

    async def settled(self):
        async def none():
            return not await self.requests()

        await until(none, 60)

    async def told(self, asked):
        async def ended():
            return any(result.run.run_id == asked.run_id for result in self.said)

        await until(ended, 60)

    async def finish(self, asked):
        """Ask for another run and wait for its end: what was said before is known then."""
        await self.settled()
        await self.bus.publish(later := asked.model_copy(update={"attempt": 2}))
        await self.told(later)
        assert self.said[-1].run.run_id == later.run_id
        return self.said[:-1]


@pytest.fixture
def users(broker, topology, settings_file):
    return Users(broker, topology, settings_file)


@pytest.mark.parametrize("instant", INSTANTS[:2])
async def test_a_request_whose_launcher_dies_before_its_acknowledgement_is_one_run(users, asked, tmp_path, instant):
    async with users.at_work():
        await users.bus.publish(asked)
        with users.doomed(instant) as process:
            await dies(process)
        (request,) = await users.requests()
        assert request.body == asked.to_json()
        with launcher(users.settings_file):
            await users.settled()
            (tmp_path / "go").touch()
            await users.told(asked)
            (end,) = await users.finish(asked)
    assert (end.run.run_id, end.state) == (asked.run_id, RunState.SUCCEEDED)
    assert (Path(end.directory) / "started.txt").read_text() == "run\n"


@pytest.mark.parametrize(("instant", "n_told"), [("before-forget", 2), ("after-forget", 1)])
async def test_an_end_that_is_told_but_not_remembered_is_told_again_and_recorded_once(
    users, asked, tmp_path, instant, n_told
):
    async with users.at_work():
        await users.bus.publish(asked)
        with users.doomed(instant) as process:
            await started(tmp_path)
            await users.settled()
            (tmp_path / "go").touch()
            await dies(process)
        await users.told(asked)
        with launcher(users.settings_file):
            ends = await users.finish(asked)
    assert ends == [ends[0]] * n_told
    assert (ends[0].run.run_id, ends[0].state) == (asked.run_id, RunState.SUCCEEDED)
    assert (Path(ends[0].directory) / "started.txt").read_text() == "run\n"
    assert await recorded(tmp_path, ends) == [asked.run_id]


async def recorded(tmp_path, said):
    """The runs in the writer's database, after it has heard all that was said."""
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/writer.sqlite") as engine:
        transactions = Transactions(engine, patience_s=5)
        await upgrade(transactions)
        record = Record(transactions, deadline_s=60)
        for result in said:
            async for _ in record_processing(result, record=record):
                pass
        async with engine.connect() as connection:
            return list((await connection.execute(select(processing_results.c.run_id))).scalars())

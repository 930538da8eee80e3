"""The launcher as a process on a real broker, with a stand-in xia2: killed and started again, it knows its run."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import anyio
import orjson
import pytest

from shared import stomp, telemetry
from shared.messages import ProcessingResult, RunState
from tests.launcher.builders import PYTHON, request
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
def launcher(settings_file):
    """The running process; its log stands beside the settings."""
    environment = {**os.environ, "MXMESH_SETTINGS": str(settings_file)}
    with settings_file.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "services.launcher"], env=environment, stderr=log)
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

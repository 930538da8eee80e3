"""What a mesh writes beside its results: logs, spans, and what bypasses both."""

from pathlib import Path

import orjson
import pytest

from cli.beamline import new_dcid
from shared.rotation import read_lines, rotated_in
from shared.topology import SERVICES
from simulator.gda import collect, describe_grid, detector_of
from tests.mesh.conftest import centre_of

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


def standard_error(pid: int) -> Path:
    return Path(f"/proc/{pid}/fd/2").readlink()


async def test_beats_leave_no_spans(mesh):
    await mesh.until(lambda: {s["condition"] for s in mesh.status()["health"]["services"]} == {"alive"}, "every beat")
    for file in rotated_in(mesh.running.spans, ".jsonl"):
        assert not [line for line in read_lines(file) if b"ServiceBeat" in line]


def test_every_service_logs_to_a_file_of_its_own(mesh):
    for name in SERVICES:
        log = [orjson.loads(line) for line in read_lines(mesh.home / "logs" / f"{name}.jsonl")]
        assert {line["service"] for line in log} == {name}
        assert "ready" in {line["message"] for line in log}


async def test_a_frozen_mxmesh_up_holds_nobody_up(mesh, small_grid, small_grid_frames):
    """No service writes to it: what bypasses a log goes to a file, from worker processes, too."""
    collection = describe_grid(mesh.session, small_grid, new_dcid())
    mesh.process.suspend()
    try:
        async with mesh.world() as bus:
            await collect(bus, collection, detector_of(small_grid, small_grid_frames, None))
            result = await centre_of(bus, collection.ref)
        said = {standard_error(each.pid) for each in mesh.process.children(recursive=True)}
    finally:
        mesh.process.resume()
    assert result.status == "whole"
    logs = {mesh.home / "logs" / f"{name}.out" for name in SERVICES}
    assert said == {*logs, mesh.home / "broker" / "broker.log"}

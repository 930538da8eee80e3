"""What a run would get, and where, before it runs."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.__main__ import app

ROTATION = Path(__file__).parents[2] / "docs/messages/example-rotation.json"
LIMITED = {
    "MXMESH_BACKEND": "slurm",
    "MXMESH_TIME_LIMIT_S": '{"dials": 1800}',
    "MXMESH_MEMORY_GB": '{"dials": 32}',
    "MXMESH_LEAST_FREE_GB": "50",
}


@pytest.fixture
def explain(tmp_path):
    def explained(*options, **environment):
        command = ["explain", str(ROTATION), "--home", str(tmp_path), *options]
        return CliRunner().invoke(app, command, env=environment)

    return explained


def test_the_limits_and_the_place_of_a_run_are_shown(explain):
    lines = explain(**LIMITED).stdout.splitlines()
    assert {"backend    slurm", "time limit 1800 s", "memory     32 GB"} <= set(lines)
    assert "free space 53.60 GB, else it waits" in lines  # 50 GB, and 1 MB for each of 3600 images


def test_they_are_there_for_other_programs(explain):
    (shown,) = orjson.loads(explain("--json", **LIMITED).stdout)
    told = {name: shown[name] for name in ("backend", "time_limit_s", "memory_gb", "free_gb")}
    assert told == {"backend": "slurm", "time_limit_s": 1800, "memory_gb": 32, "free_gb": pytest.approx(53.6)}


def test_a_run_that_would_be_refused_has_a_place_but_no_limits(explain):
    (shown,) = orjson.loads(explain("--json", "--pipeline", "xia3", **LIMITED).stdout)
    assert "there is no pipeline 'xia3'" in shown["refusal"]
    assert (shown["backend"], shown["memory_gb"], shown["free_gb"]) == ("slurm", None, None)

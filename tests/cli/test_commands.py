"""The commands that need no mesh, as a user types them."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import COMMANDS, app
from services.spotfinder.per_image_analysis import ImageAnalysis

ROOT = Path(__file__).parents[2]
THAUMATIN = ROOT / "tests" / "data" / "thaumatin_grid" / "thaumatin_grid_master.h5"
SPOTS = [287, 1373, 1243, 1081, 941, 815, 612, 46, 0]  # DIALS 3.12, algorithm dispersion, d <= 40 Å


def mxmesh(*arguments: str, stdin: bytes = b"", **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, env=environment)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_find_spots_prints_one_json_object_per_image(workers):
    command = [sys.executable, "-m", "cli", "find-spots", str(THAUMATIN), "--workers", workers, "--json"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, timeout=100)
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [line["n_spots_total"] for line in lines] == SPOTS
    assert all(list(line) == ["image", *ImageAnalysis._fields] for line in lines)
    assert [line["image"] for line in lines] == list(range(9))
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("file", "words"), [("/nowhere/master.h5", "/nowhere/master.h5"), (str(ROOT / "README.md"), "README.md")]
)
def test_find_spots_says_what_is_wrong_with_a_file(file, words):
    done = mxmesh("find-spots", file, "--json")
    assert done.exit_code == 1
    assert "error:" in done.stderr
    assert words in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_centre_prints_the_biggest_crystal():
    counts = [0, 0, 0, 0, 0, 9, 8, 0, 0, 7, 9, 0]
    grid = {"steps_x": 4, "steps_y": 3, "snaked": True, "orientation": "horizontal", "counts": counts}
    done = mxmesh("centre", "-", "--json", stdin=orjson.dumps(grid))
    crystal = orjson.loads(done.stdout)
    assert crystal["centre_of_mass"] == [2.0, 2.0]
    assert (crystal["n_voxels"], crystal["total_count"], crystal["max_count"]) == (4, 33, 9)
    assert crystal["max_voxel"] in ([2, 1], [2, 2])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "JSON"),
        (b'{"steps_x":2,"steps_y":2,"counts":[1]}', "there are 1 counts, but the grid has 2 x 2 = 4 boxes"),
        (b'{"steps_x":1,"steps_y":1,"counts":[-1]}', "greater than or equal to 0"),
    ],
)
def test_centre_says_what_is_wrong_with_a_grid(text, words):
    done = mxmesh("centre", "-", stdin=text)
    assert done.exit_code == 1
    assert words in done.stderr


def test_centre_tells_a_grid_without_crystal_by_its_exit_status():
    done = mxmesh("centre", "-", "--json", stdin=b'{"steps_x":2,"steps_y":1,"counts":[0,0]}')
    assert (done.exit_code, done.stdout.strip()) == (1, "null")


@pytest.mark.parametrize("command", ["status", "dlq list", "announce -", "trace 00"])
def test_commands_that_need_a_mesh_say_how_to_start_one(command, tmp_path):
    done = mxmesh(*command.split(), "--home", str(tmp_path), stdin=b"{}", MXMESH_BROKER_URL="")
    assert done.exit_code == 1
    assert "mxmesh up" in done.stderr


def test_a_broker_that_does_not_answer_is_not_waited_for_for_ever():
    done = mxmesh("announce", "-", stdin=b"{}", MXMESH_BROKER_URL="stomp://127.0.0.1:1")
    assert done.exit_code == 1
    assert "no broker answers at stomp://127.0.0.1:1" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = mxmesh(command, "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout or "Commands" in done.stdout


def test_doctor_lists_what_is_there_and_how_to_get_the_rest(tmp_path):
    done = mxmesh("doctor", "--json", "--home", str(tmp_path))
    findings = {finding["name"]: finding for finding in orjson.loads(done.stdout)}
    assert findings["Python"]["found"]
    assert all(finding["found"] or finding["remedy"] for finding in findings.values())
    missing = [f for f in findings.values() if f["required"] and not f["found"]]
    assert done.exit_code == (1 if missing else 0)


def test_pipelines_says_what_may_be_set_and_what_is_missing_here(tmp_path):
    done = mxmesh("pipelines", "--home", str(tmp_path), "--json", PATH="/usr/bin:/bin")
    entries = {entry["pipeline"]: entry for entry in orjson.loads(done.stdout)}
    allowed = {each["name"]: each["expected"] for each in entries["dials"]["parameters"]}
    assert allowed["d_min"] == "a number from 0.5 to 20 Å"
    assert "fast_dp" in entries["fast_dp"]["missing"]
    assert "install fast_dp" in entries["fast_dp"]["remedy"]
    assert {name for name, entry in entries.items() if entry["multi_sweep"]} >= {"dials", "xia2-dials"}


def test_a_pipeline_that_there_is_not_is_answered_with_those_there_are(tmp_path):
    done = mxmesh("pipelines", "xia3", "--home", str(tmp_path))
    assert done.exit_code == 1
    assert "there are dials" in done.stderr.replace("\n", " ")

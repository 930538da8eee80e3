"""The memory limit of a run, kept by its wrapper: with real programs that need memory, and their children."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.payload import watch
from services.launcher.pipelines import TABLE
from services.launcher.plan import plan_job
from shared.messages import RunState
from tests.launcher.builders import FIRST, PYTHON, job, request, settings, step, until
from tests.launcher.test_wrapper import end_of, gone

MB = 1_000_000
HOLD = "import sys, time; held = bytearray(b'x') * int(sys.argv[1]); time.sleep(float(sys.argv[2]))"
SHARES = f"""
import os, sys, time
held = bytearray(b"x") * {150 * MB}
for _ in range(3):
    if os.fork() == 0:
        time.sleep(60)
print("shared", flush=True)
time.sleep(60)
"""


def holds(megabytes, seconds=60):
    """A command that needs so much memory for so long."""
    return f'{sys.executable} -c "{HOLD}" {megabytes * MB} {seconds}'


def hungry(*megabytes, before=""):
    """Children that hold so much memory each, until they are ended; their ids in children.txt."""
    starts = [f"{holds(size)} & echo $! >> children.txt" for size in megabytes]
    return step("hungry", "\n".join([before, *starts, "wait"]))


async def ended(tmp_path, *steps, **changes):
    """A run that has ended, and how."""
    backend, planned = LocalBackend(RunIndex(tmp_path / "state"), PYTHON), job(tmp_path, *steps, **changes)
    await backend.submit(planned)
    return planned, await end_of(backend, planned)


@pytest.fixture
def sharing():
    """A session of four processes that share 150 MB; its id."""
    with subprocess.Popen([sys.executable, "-c", SHARES], stdout=subprocess.PIPE, start_new_session=True) as process:
        process.stdout.readline()
        yield process.pid
        os.killpg(process.pid, 9)


async def test_a_step_above_the_memory_limit_ends_the_run_with_what_to_do(tmp_path):
    _, ending = await ended(tmp_path, FIRST, hungry(400), memory_gb={"stand-in": 0.3})
    assert ending.state is RunState.FAILED
    assert ending.reason.startswith("hungry: out of memory: its processes use 0.")
    assert ending.reason.endswith(
        " GB, more than the limit of 0.3 GB; raise memory_gb.stand-in in the launcher's settings"
    )
    assert [(done.name, done.state) for done in ending.steps] == [("first", "done"), ("hungry", "failed")]


async def test_children_count_together_and_are_ended_at_once(tmp_path):
    stubborn = hungry(200, 200, before="trap '' TERM")
    planned, ending = await ended(tmp_path, stubborn, memory_gb={"stand-in": 0.3}, grace_s=3600)
    assert "out of memory" in ending.reason
    children = (planned.directory / "children.txt").read_text().split()
    assert len(children) == 2
    for child in children:
        await until(partial(gone, int(child)))


async def test_a_run_below_its_limit_is_left_alone(tmp_path):
    enough = step("modest", f"{holds(100, seconds=1.5)}; echo 1 > done.txt")
    _, ending = await ended(tmp_path, enough, memory_gb={"stand-in": 0.2})
    assert ending.state is RunState.SUCCEEDED


def test_memory_that_processes_share_counts_once(sharing):
    assert sum(watch.resident_bytes(sharing).values()) > 600 * MB
    assert 150 * MB < watch.used_bytes(sharing, limit=0) < 250 * MB


def test_only_the_processes_of_the_session_count(sharing):
    mine = watch.resident_bytes(os.getsid(0))
    assert os.getpid() in mine
    assert sharing not in mine
    assert len(watch.resident_bytes(sharing)) == 4


def test_a_program_whose_name_is_no_text_counts_all_the_same(tmp_path):
    program = os.fsencode(tmp_path) + b"/caf\xc3"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"], start_new_session=True) as process:
        assert watch.resident_bytes(process.pid)[process.pid] > 0
        process.kill()


def test_a_process_that_has_ended_uses_nothing():
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert watch.proportional_bytes(process.pid, 100) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_of_another_users_process_all_resident_memory_counts(tmp_path):
    code = f"import watch; print(watch.proportional_bytes({os.getpid()}, 100))"
    folder = Path(watch.__file__).parent
    done = subprocess.run(["/usr/bin/python3", "-c", code], cwd=folder, user=65534, capture_output=True, check=True)
    assert done.stdout == b"100\n"


def test_the_operators_memory_limit_wins_over_the_pipelines(tmp_path):
    plan = partial(plan_job, request(tmp_path, "dials"), table=TABLE, own_environment={})
    assert plan(settings(tmp_path)).memory_gb == TABLE["dials"].memory_gb
    assert plan(settings(tmp_path, memory_gb={"dials": 32})).memory_gb == 32

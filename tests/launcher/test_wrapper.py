"""The wrapper as a real process, with tiny stand-in programs: one end each, whatever happens."""

import json
import os
import signal
import sys
import time
from functools import partial

import anyio
import pytest

from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.payload import wrapper
from services.launcher.payload.watch import start_ticks
from services.launcher.runs import RunDirectory
from shared.clock import SignsOfLife
from shared.messages import RunState
from tests.clocks import DAY, HOUR, Machine
from tests.launcher.builders import FIRST, PYTHON, SECOND, SLOW, job, step, until


@pytest.fixture
def backend(tmp_path):
    return LocalBackend(RunIndex(tmp_path / "state"), PYTHON)


async def finish(backend, planned):
    """Submit, and wait for the end."""
    await backend.submit(planned)
    return await end_of(backend, planned)


async def end_of(backend, planned):
    async def ending():
        return (await backend.status(planned)).ending

    return await until(ending)


async def running_step(backend, planned):
    """The program of the last step, once it runs."""

    async def running():
        steps = (await backend.status(planned)).steps
        last = steps[-1] if len(steps) == len(planned.steps) else None
        return last if last and last.state == "running" and last.pid else None

    return await until(running)


async def gone(pid):
    """A killed process may take a moment."""
    return start_ticks(pid) is None


async def test_all_steps_done_is_a_success(backend, tmp_path):
    ending = await finish(backend, job(tmp_path, FIRST, SECOND))
    assert ending.state is RunState.SUCCEEDED
    assert [(done.name, done.state) for done in ending.steps] == [("first", "done"), ("second", "done")]
    assert all(done.seconds >= 0 for done in ending.steps)


async def test_every_step_has_its_log(backend, tmp_path):
    planned = job(tmp_path, step("talk", "echo hello; echo oh >&2; echo 1 > done.txt"))
    await finish(backend, planned)
    assert (planned.directory / "01_talk.log").read_text() == "hello\noh\n"


async def test_a_failing_step_ends_the_run_with_the_programs_last_words(backend, tmp_path):
    bad = step("index", "echo 'Sorry: No suitable lattice could be found'; exit 1", ("indexed.expt",))
    ending = await finish(backend, job(tmp_path, FIRST, bad, SECOND))
    assert ending.state is RunState.FAILED
    assert ending.reason == "index left no indexed.expt (exit status 1): Sorry: No suitable lattice could be found"
    assert [done.state for done in ending.steps] == ["done", "failed"]


@pytest.mark.parametrize(
    ("shell", "rules", "state"),
    [
        ("echo 1 > done.txt; exit 1", {}, "succeeded"),
        ("exit 0", {}, "failed"),
        (": > done.txt", {}, "failed"),
        ("echo 1 > done.txt; echo no > error.txt", {"forbidden": ("error.txt",)}, "failed"),
        ("echo 1 > done.txt; exit 1", {"exit_status_counts": True}, "failed"),
        ("echo 1 > done.txt; kill -9 $$", {}, "failed"),
        ("exit 1", {"required": False}, "succeeded"),
    ],
    ids=[
        "exit status lies",
        "no output",
        "empty output",
        "error file",
        "exit status counts",
        "killed after its output",
        "optional step",
    ],
)
async def test_files_decide_about_a_step(backend, tmp_path, shell, rules, state):
    ending = await finish(backend, job(tmp_path, step("only", shell, **rules)))
    assert ending.state == state


async def test_an_error_file_is_quoted(backend, tmp_path):
    failing = step("xia2", "echo 1 > done.txt; echo 'no sweeps' > xia2-error.txt", forbidden=("xia2-error.txt",))
    ending = await finish(backend, job(tmp_path, failing))
    assert ending.reason == "xia2 left xia2-error.txt: no sweeps"


TRACEBACK = """Traceback (most recent call last):
  File "main.py", line 331, in run
    scale()
  File "scale.py", line 25, in scale
    raise NotAvailableError(
        "freerflag")
NotAvailableError: executable freerflag does not exist in PATH
"""


async def test_of_a_traceback_only_what_it_is_about_is_quoted(backend, tmp_path):
    failing = step("xia2", f"printf '%s' '{TRACEBACK}' > xia2-error.txt", (), forbidden=("xia2-error.txt",))
    ending = await finish(backend, job(tmp_path, failing))
    assert ending.reason == ("xia2 left xia2-error.txt: NotAvailableError: executable freerflag does not exist in PATH")


async def test_a_program_that_is_not_there_is_named(backend, tmp_path):
    absent = step("first", "").__class__(name="first", argv=("/no/such/program",), outputs=("a",))
    ending = await finish(backend, job(tmp_path, absent))
    assert ending.state is RunState.FAILED
    assert "first cannot be started" in ending.reason
    assert "/no/such/program" in ending.reason


async def test_the_time_limit_ends_the_whole_process_group(backend, tmp_path):
    stubborn = step("stubborn", "trap '' TERM; sleep 60 & echo $! > child.txt; wait; sleep 60")
    planned = job(tmp_path, stubborn, time_limit_s={"stand-in": 0.5})
    ending = await finish(backend, planned)
    assert ending.state is RunState.TIMED_OUT
    assert ending.reason == "stubborn: not done within the time limit of 0.5 s"
    await until(partial(gone, int((planned.directory / "child.txt").read_text())))


async def test_what_a_step_leaves_running_is_ended_with_it(backend, tmp_path):
    planned = job(tmp_path, step("litter", "sleep 60 & echo $! > done.txt"))
    assert (await finish(backend, planned)).state is RunState.SUCCEEDED
    await until(partial(gone, int((planned.directory / "done.txt").read_text())))


async def test_a_cancelled_run_says_so_and_its_program_is_gone(backend, tmp_path):
    planned = job(tmp_path, FIRST, SLOW)
    await backend.submit(planned)
    program = await running_step(backend, planned)
    await backend.cancel(planned)
    ending = await end_of(backend, planned)
    assert ending.state is RunState.CANCELLED
    assert ending.reason == "slow: stopped by SIGTERM"
    await until(partial(gone, program.pid))


async def test_a_run_that_is_told_to_stop_did_not_succeed_even_if_its_program_goes_on(backend, tmp_path):
    """Slurm signals every process: a shell whose child ended goes on, and leaves what it should."""
    planned = job(tmp_path, step("deaf", "kill -TERM $PPID; echo 1 > done.txt"))
    ending = await finish(backend, planned)
    assert (ending.state, ending.reason) == (RunState.CANCELLED, "deaf: stopped by SIGTERM")


async def test_a_run_whose_wrapper_is_killed_is_lost_and_its_program_ended(backend, tmp_path):
    planned = job(tmp_path, SLOW)
    await backend.submit(planned)
    program = await running_step(backend, planned)
    os.kill(RunDirectory(planned.directory).claim().pid, signal.SIGKILL)
    ending = await end_of(backend, planned)
    assert ending.state is RunState.LOST
    assert "vanished during slow" in ending.reason
    assert [done.state for done in ending.steps] == ["failed"]
    await until(partial(gone, program.pid))


async def test_an_end_is_written_once(backend, tmp_path):
    planned = job(tmp_path)
    ending = await finish(backend, planned)
    directory = RunDirectory(planned.directory)
    directory.end(ending.model_copy(update={"state": RunState.LOST}))
    assert directory.ending() == ending


async def test_a_second_submission_finds_the_first(backend, tmp_path):
    planned = job(tmp_path, step("count", "echo run >> count.txt; sleep 0.2; echo 1 > done.txt"))
    await backend.submit(planned)
    await backend.submit(planned)
    await anyio.run_process([sys.executable, wrapper.__file__, str(planned.directory)])
    await end_of(backend, planned)
    await backend.submit(planned)
    assert (planned.directory / "count.txt").read_text() == "run\n"


async def test_an_unstarted_run_can_be_cancelled(backend, tmp_path):
    planned = job(tmp_path)
    RunDirectory(planned.directory).prepare(planned)
    await backend.cancel(planned)
    await backend.submit(planned)
    assert (await backend.status(planned)).ending.state is RunState.CANCELLED
    assert not (planned.directory / "first.txt").exists()


async def test_a_wrapper_that_cannot_start_is_a_failed_run(tmp_path):
    ending = await finish(LocalBackend(RunIndex(tmp_path / "state"), tmp_path / "no-python"), job(tmp_path))
    assert ending.state is RunState.FAILED
    assert "the wrapper did not start" in ending.reason


@pytest.mark.parametrize("apart_s", [-HOUR, 0, DAY], ids=str)
async def test_a_silent_wrapper_on_another_host_is_lost_whatever_its_clock_says(tmp_path, apart_s):
    machine = Machine()
    backend = LocalBackend(RunIndex(tmp_path / "state"), PYTHON, signs=SignsOfLife(machine.clock.awake))
    planned = job(tmp_path)
    RunDirectory(planned.directory).prepare(planned)
    claim = planned.directory / wrapper.CLAIM
    claim.write_text(json.dumps({"pid": 1, "start_ticks": 1, "boot_id": "x", "host": "elsewhere", "at": time.time()}))
    for said in range(3):
        os.utime(claim, (said, time.time() + apart_s + said))
        machine.pass_(55)
        machine.stop(8 * HOUR)
        assert (await backend.status(planned)).state is RunState.RUNNING
    machine.pass_(61)
    assert (await backend.status(planned)).state is RunState.LOST


async def test_nothing_is_known_of_a_run_never_submitted(backend, tmp_path):
    assert await backend.status(job(tmp_path)) is None


LAUNCHER = """
import sys, time, anyio
from pathlib import Path
from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.runs import Job
job = Job.model_validate_json(Path(sys.argv[1]).read_bytes())
anyio.run(LocalBackend(RunIndex(Path(sys.argv[2])), Path(sys.executable)).submit, job)
print("submitted", flush=True)
time.sleep(60)
"""


async def test_a_run_survives_its_launcher_and_is_adopted(backend, tmp_path):
    planned = job(tmp_path, FIRST, step("wait", "while [ ! -e go ]; do sleep 0.05; done; echo 1 > done.txt"))
    (tmp_path / "planned.json").write_text(planned.model_dump_json())
    arguments = [sys.executable, "-c", LAUNCHER, str(tmp_path / "planned.json"), str(tmp_path / "state")]
    async with await anyio.open_process(arguments, start_new_session=True) as launcher:
        assert (await launcher.stdout.receive()).startswith(b"submitted")
        os.killpg(launcher.pid, signal.SIGKILL)
    (adopted,) = await backend.adopt()
    assert adopted == planned
    assert (await backend.status(adopted)).state is RunState.RUNNING
    (planned.directory / "go").touch()
    assert (await end_of(backend, adopted)).state is RunState.SUCCEEDED


async def test_a_run_prepared_by_a_launcher_that_died_at_once_is_started(backend, tmp_path):
    planned = job(tmp_path)
    RunDirectory(planned.directory).prepare(planned)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / f"{planned.run_id}.json").write_text(planned.model_dump_json())
    for adopted in await backend.adopt():
        await backend.submit(adopted)
    assert (await end_of(backend, planned)).state is RunState.SUCCEEDED


async def test_a_forgotten_run_is_not_adopted_again(backend, tmp_path):
    planned = job(tmp_path)
    await finish(backend, planned)
    await backend.forget(planned)
    assert await backend.adopt() == []
    assert RunDirectory(planned.directory).published

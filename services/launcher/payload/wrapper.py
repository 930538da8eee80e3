"""Runs the steps of one job under plain python3: own process groups, limits, and exactly one end.

``wrapper.py [--detach] DIRECTORY``: DIRECTORY holds job.json; status.jsonl, the logs and exit.json are written there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

if __package__:
    from services.launcher.payload.watch import StoppedError, Watch, start_ticks
else:  # a plain script: its modules are beside it
    from watch import StoppedError, Watch, start_ticks  # type: ignore[import-not-found,no-redef]

JOB, CLAIM, STATUS, EXIT, OWN_LOG = "job.json", "wrapper.json", "status.jsonl", "exit.json", "wrapper.log"
POLL_S = 0.1
LAST_LINES, LAST_CHARACTERS = 6, 800
FRAMES = re.compile(r'^(?:Traceback .*\n)?(?:  File ".*\n(?: {4}.*\n)*)+', re.MULTILINE)


def boot_id() -> str:
    """Changes when the machine restarts."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def last_words(log: Path) -> str:
    """The last lines that a program wrote; of a python traceback what it is about, not its frames."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            lines = FRAMES.sub("", file.read().decode(errors="replace")).splitlines()
    except OSError:
        return "no log"
    said = "\n".join([line.rstrip() for line in lines if line.strip()][-LAST_LINES:])
    return said[-LAST_CHARACTERS:] or "it said nothing"


def write_once(path: Path, content: dict[str, Any]) -> bool:
    """Write a whole JSON file unless it is there; of several writers exactly one succeeds."""
    draft = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text(json.dumps(content))
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


class Run:
    """One job in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.job: dict[str, Any] = json.loads((directory / JOB).read_text())
        self.steps: list[dict[str, Any]] = []

    def claim(self) -> bool:
        """Whether this process is the one that runs the job; a second wrapper has nothing to do."""
        pid = os.getpid()
        who = {"pid": pid, "start_ticks": start_ticks(pid), "boot_id": boot_id(), "host": socket.gethostname()}
        claimed = write_once(self.directory / CLAIM, {**who, "at": time.time()})
        return claimed and not (self.directory / EXIT).exists()

    def work(self) -> None:
        """All steps, then exit.json."""
        started_at = time.time()
        os.nice(self.job.get("niceness", 0))
        watch = Watch(self.job, self.directory / CLAIM)
        state, reason = "succeeded", None
        try:
            reason = self._all_steps(watch)
            state = "failed" if reason else state
        except StoppedError as stop:
            state, reason = stop.state, self._in_step(str(stop))
        except OSError as fault:
            state, reason = "failed", self._in_step(str(fault))
        end = {"state": state, "reason": reason, "steps": self.steps, "pid": os.getpid(), "host": socket.gethostname()}
        write_once(self.directory / EXIT, {**end, "started_at": started_at, "ended_at": time.time()})

    def _in_step(self, reason: str) -> str:
        return f"{self.steps[-1]['name']}: {reason}" if self.steps else reason

    def _all_steps(self, watch: Watch) -> str | None:
        for step in self.job["steps"]:
            fault = self._step(step, watch)
            if fault and step["required"]:
                return f"{step['name']} {fault}"
        return None

    def _step(self, step: dict[str, Any], watch: Watch) -> str | None:
        """Run one program; what is wrong with what it did, if anything."""
        begun = time.monotonic()
        record = {"name": step["name"], "state": "failed", "begun_at": time.time()}
        self.steps.append(record)
        try:
            fault = self._fault(step, self._execute(step, watch), watch)
            record["state"] = "failed" if fault else "done"
        finally:
            record["seconds"] = round(time.monotonic() - begun, 3)
            self._tell(record)
        return fault

    def _execute(self, step: dict[str, Any], watch: Watch) -> int | str:
        """The program's exit status (negative: the signal that ended it), or why it cannot be started."""
        watch.check()
        with (self.directory / step["log"]).open("wb") as log:
            try:
                process = subprocess.Popen(
                    step["argv"],
                    cwd=self.directory,
                    env={**os.environ, **self.job.get("environment", {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as fault:
                return f"cannot be started: {fault}"
        self._tell({**self.steps[-1], "state": "running", "pid": process.pid, "start_ticks": start_ticks(process.pid)})
        try:
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                watch.check(process.pid)
                time.sleep(POLL_S)
        except StoppedError as stop:
            if not stop.at_once:
                self._terminate(process)
            raise
        finally:
            _signal_group(process, signal.SIGKILL)  # whatever it left running in the background
            process.wait()
        return process.returncode

    def _terminate(self, process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGTERM)
        patience = time.monotonic() + self.job.get("grace_s", 10.0)
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > patience:
                return
            time.sleep(POLL_S)

    def _fault(self, step: dict[str, Any], status: int | str, watch: Watch) -> str | None:
        """Files decide: exit statuses lie in both directions."""
        words = last_words(self.directory / step["log"])
        if isinstance(status, str):
            return status
        watch.check()  # Slurm tells the program, its children and us at once: it is cancelled, whatever it left
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}: {words}"
        for name in step["forbidden"]:
            if (self.directory / name).exists():
                return f"left {name}: {last_words(self.directory / name)}"
        for name in step["outputs"]:
            path = self.directory / name
            if not path.is_file() or not path.stat().st_size:
                return f"left no {name} (exit status {status}): {words}"
        return f"ended with exit status {status}: {words}" if status and step["exit_status_counts"] else None

    def _tell(self, record: dict[str, Any]) -> None:
        with (self.directory / STATUS).open("a") as file:
            file.write(json.dumps({**record, "at": time.time()}) + "\n")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Safe until the process is reaped: its id, the group's, cannot be another's before."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def detach(log: Path) -> int:
    """Go on in a session of its own, whatever becomes of the starter, which returns once the result is closed."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    os.setsid()
    nowhere, own_log = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(nowhere, 0)
    os.dup2(own_log, 1)
    os.dup2(own_log, 2)
    return writer


def main(arguments: list[str]) -> None:
    """Run the job of a directory."""
    directory = Path(arguments[-1]).resolve()
    starter = detach(directory / OWN_LOG) if "--detach" in arguments else None
    run = Run(directory)
    claimed = run.claim()
    if starter is not None:
        os.close(starter)
    if claimed:
        run.work()


if __name__ == "__main__":
    main(sys.argv[1:])

"""`mxmesh up` as an operator starts it, and its processes by name."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import orjson
import psutil
from anyio import to_thread

from cli.home import NoMeshError, RunningMesh
from cli.mesh import SettingsOf
from shared.topology import SERVICES

STOP_TIMEOUT_S = 90.0
BROKER = "broker"
Processes = dict[str, list[psutil.Process]]


@dataclass(frozen=True)
class Up:
    """A mesh that runs.

    Attributes:
        home: its folder.
        process: of the command.
    """

    home: Path
    process: psutil.Process
    running: RunningMesh

    def processes(self) -> Processes:
        """By name: the command itself, the broker if it is ours, the services, and the spot finder's workers."""
        found = {"mxmesh up": [self.process]}
        for child in self.process.children():
            words = child.cmdline()
            if any(word.startswith("xbean:") for word in words):
                found[BROKER] = [child]
            found |= {name: [child] for name in SERVICES if f"services.{name}" in words}
        for finder in found.get("spotfinder", []):
            found["workers"] = finder.children(recursive=True)
        return found


@asynccontextmanager
async def mesh_up(home: Path, data: Path, overrides: SettingsOf) -> AsyncIterator[Up]:
    """A mesh for as long as the context lasts.

    Raises:
        RuntimeError: it did not start, or did not stop in good order.
    """
    started = _start(home, data, overrides)
    try:
        yield Up(home, psutil.Process(started.pid), await _running(home, started))
    finally:
        with anyio.CancelScope(shield=True):
            started.send_signal(signal.SIGTERM)
            status = await to_thread.run_sync(started.wait, STOP_TIMEOUT_S)
    if status:
        raise RuntimeError(f"`mxmesh up` ended with exit status {status}:\n{_log(home).read_text()}")


def _start(home: Path, data: Path, overrides: SettingsOf) -> "subprocess.Popen[bytes]":
    settings = home / "overrides.json"
    settings.write_bytes(orjson.dumps(overrides))
    command = [sys.executable, "-m", "cli", "up", "--home", str(home), "--data-root", str(data), "--page-port", "0"]
    with _log(home).open("wb") as output:
        return subprocess.Popen([*command, "--settings", str(settings)], stdout=output, stderr=output)


def _log(home: Path) -> Path:
    return home / "up.log"


async def _running(home: Path, started: "subprocess.Popen[bytes]") -> RunningMesh:
    """The command itself gives up in time."""
    while started.poll() is None:
        try:
            return RunningMesh.find(home)
        except NoMeshError:
            await anyio.sleep(0.2)
    raise RuntimeError(f"the mesh did not come up:\n{_log(home).read_text()}")

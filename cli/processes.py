"""Child processes that are started again when they die, until they are told to stop."""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
from anyio.abc import Process, TaskStatus

from shared.rotation import OutputFile, tail

STOP_TIMEOUT_S = 15.0
BACK_OFF_S = 0.5
MAX_QUICK_DEATHS = 5
QUICK_S = 5.0
TAIL_LINES = 15


class ServiceDiedError(Exception):
    """A service dies at every start; the message ends with the end of what it said."""


@dataclass
class ServiceProcess:
    """One service as a process of its own, supervised.

    Attributes:
        name: of the package below ``services``.
        settings: its settings file.
        log: file that it logs to.
        output: what bypasses its log: words of crashes, of libraries, of faults before there is a log.
        ready_url: answers 200 when the service is ready.
        tell: gets one line for the operator when something happens.
    """

    name: str
    settings: Path
    log: Path
    output: OutputFile
    ready_url: str
    tell: Callable[[str], None]
    starts: int = 0
    _process: Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def supervise(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run the service until cancelled; then stop it in good order.

        Raises:
            ServiceDiedError: it died several times within seconds of its start.
        """
        quick_deaths = 0
        while True:
            started = time.monotonic()
            status = await self._run_once(task_status)
            task_status = anyio.TASK_STATUS_IGNORED
            quick_deaths = quick_deaths + 1 if time.monotonic() - started < QUICK_S else 0
            if quick_deaths >= MAX_QUICK_DEATHS:
                raise ServiceDiedError(f"{self.name} dies at every start{self._last_words()}")
            self.tell(f"{self.name} ended ({_describe(status)}); starting it again")
            await anyio.sleep(BACK_OFF_S)

    async def _run_once(self, task_status: TaskStatus[None]) -> int:
        self.output.path.parent.mkdir(parents=True, exist_ok=True)
        self.output.keep()
        with self.output.path.open("ab") as output:
            environment = {**os.environ, "MXMESH_SETTINGS": str(self.settings)}
            command = [sys.executable, "-m", f"services.{self.name}"]
            self._process = await anyio.open_process(
                command, stdin=None, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        self.starts += 1
        task_status.started()
        try:
            return await self._process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await self._stop(self._process)

    async def _stop(self, process: Process) -> None:
        if process.returncode is not None:
            return
        process.terminate()
        with anyio.move_on_after(STOP_TIMEOUT_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()

    async def wait_until_ready(self, timeout_s: float) -> None:
        """Return once the service says that it is ready.

        Raises:
            TimeoutError: it did not within ``timeout_s`` [s].
        """
        async with httpx.AsyncClient(trust_env=False) as client:
            with anyio.move_on_after(timeout_s):
                while not await _answers(client, self.ready_url):  # noqa: ASYNC110 - HTTP can only be polled
                    await anyio.sleep(0.1)
                return
        raise TimeoutError(f"{self.name} was not ready within {timeout_s:.0f} s{self._last_words()}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        """The ends of log and output; the one that was written last comes last."""
        files = sorted(filter(Path.exists, (self.log, self.output.path)), key=lambda file: file.stat().st_mtime)
        ends = {file: tail(file, TAIL_LINES) for file in files}
        return "".join(f"\n{file} ends with\n{end}" for file, end in ends.items() if end)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False


def _describe(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

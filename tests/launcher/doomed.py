"""A launcher that dies by signal 9 at one exact call of its backend: `python -m tests.launcher.doomed after-submit`."""

import os
import signal
import sys
from typing import NoReturn

from services.launcher.__main__ import take_part
from services.launcher.backends import Backend
from services.launcher.backends.choice import chosen_backend
from services.launcher.runs import Job, RunStatus
from services.launcher.settings import Settings
from shared.service import join, run

INSTANTS = ("before-submit", "after-submit", "before-forget", "after-forget")


class Doomed:
    """A backend with which the launcher dies."""

    def __init__(self, backend: Backend, instant: str) -> None:
        self._backend = backend
        self._instant = instant

    async def submit(self, job: Job) -> None:
        self._pass("before-submit")
        await self._backend.submit(job)
        self._pass("after-submit")

    async def forget(self, job: Job) -> None:
        self._pass("before-forget")
        await self._backend.forget(job)
        self._pass("after-forget")

    async def status(self, job: Job) -> RunStatus | None:
        return await self._backend.status(job)

    async def cancel(self, job: Job) -> None:
        await self._backend.cancel(job)

    async def adopt(self) -> list[Job]:
        return await self._backend.adopt()

    async def logs(self, job: Job) -> str:
        return await self._backend.logs(job)

    def _pass(self, instant: str) -> None:
        if instant == self._instant:
            die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


async def main() -> None:
    settings = Settings.load()
    (instant,) = sys.argv[1:]
    async with chosen_backend(settings) as backend, join("launcher", settings) as member:
        await take_part(settings, Doomed(backend, instant), member)


if __name__ == "__main__":
    run(main)

"""Worker processes, one per core: foreign files meet native code there, and a crash costs one image."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import to_process

from services.spotfinder.analysis import ImageReport, analyse_available, warm_up
from services.spotfinder.finder import Parameters

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
Analysis = Callable[[str, list[int], Parameters], list[ImageReport]]


class Workers:
    """A pool that outlives the death of its members."""

    def __init__(self, count: int, parameters: Parameters, analysis: Analysis = analyse_available) -> None:
        self._analysis = analysis
        self._count = count
        self._limit = anyio.CapacityLimiter(count)
        self._parameters = parameters

    async def start(self) -> None:
        """Start every worker, its kernels compiled, so that the first image does not wait for a compiler."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._count):
                tasks.start_soon(self._run, warm_up)

    async def analyse(self, master_file: str, images: Sequence[int]) -> list[ImageReport]:
        """Report on the images in order, up to the first that is not there yet.

        If a worker dies, the images are tried one by one, and the one that kills it again is reported as failed.
        """
        try:
            return await self._ask(master_file, images)
        except anyio.BrokenWorkerProcess:
            return await self._ask_about_one(master_file, images[0])

    async def _ask_about_one(self, master_file: str, image: int) -> list[ImageReport]:
        try:
            return await self._ask(master_file, [image])
        except anyio.BrokenWorkerProcess:
            return [ImageReport(image=image, failure="the worker process died while it analysed this image, twice")]

    async def _ask(self, master_file: str, images: Sequence[int]) -> list[ImageReport]:
        return await self._run(self._analysis, master_file, list(images), self._parameters)

    async def _run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        return await to_process.run_sync(_heard, work, arguments, cancellable=True, limiter=self._limit)


def _heard(work: Callable[[*Arguments], Result], arguments: tuple[*Arguments]) -> Result:
    """Work in a worker process whose native libraries are heard."""
    _speak_where_the_service_does()
    return work(*arguments)


@cache
def _speak_where_the_service_does() -> None:
    """Nobody reads the pipe that anyio gives a worker as standard error; once full, it would hold the worker up."""
    try:
        words = os.open(f"/proc/{os.getppid()}/fd/2", os.O_WRONLY | os.O_APPEND | os.O_NOCTTY)
    except OSError:  # a socket, as of systemd's journal
        words = os.open(os.devnull, os.O_WRONLY)
    os.dup2(words, 2)
    os.close(words)

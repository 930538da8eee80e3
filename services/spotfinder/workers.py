"""Worker processes, one per core: foreign files meet native code there, and a crash costs one image."""

from collections.abc import Callable, Sequence

import anyio
from anyio import to_process

from services.spotfinder.analysis import ImageReport, analyse_available, warm_up
from services.spotfinder.finder import Parameters

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
                tasks.start_soon(self._warm_up)

    async def _warm_up(self) -> None:
        await to_process.run_sync(warm_up, limiter=self._limit)

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
        return await to_process.run_sync(
            self._analysis, master_file, list(images), self._parameters, cancellable=True, limiter=self._limit
        )

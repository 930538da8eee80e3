"""A block of images in, one result per image out, failed ones included."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import anyio

from services.spotfinder.analysis import ImageReport
from shared.messages import FindSpots, ImageFailure, ImageSpots, SpotsFound, now

Analyse = Callable[[str, Sequence[int]], Awaitable[list[ImageReport]]]


async def find_spots(block: FindSpots, *, analyse: Analyse, poll_s: float) -> AsyncIterator[SpotsFound]:
    """Analyse the images in order as they are written; what has not come by the block's deadline has failed.

    Args:
        block: which images.
        analyse: reports on the images of a list, in order, up to the first that is not there yet.
        poll_s: time between two looks for a missing image [s].
    """
    reports = await _reports(block, analyse, poll_s)
    yield SpotsFound(
        collection=block.collection,
        found=tuple(_spots(report) for report in reports if not report.failure),
        failed=tuple(ImageFailure(image=r.image, reason=r.failure) for r in reports if r.failure),
        found_at=now(),
        analysis_ms=1e3 * sum(report.seconds for report in reports),
    )


async def _reports(block: FindSpots, analyse: Analyse, poll_s: float) -> list[ImageReport]:
    missing = list(range(block.first_image, block.first_image + block.n_images))
    reports: list[ImageReport] = []
    while missing:
        fresh = await analyse(block.master_file, missing)
        reports += fresh
        missing = missing[len(fresh) :]
        if missing and not fresh:
            if now() > block.deadline:
                return reports + [_late(image, block) for image in missing]
            await anyio.sleep(poll_s)
    return reports


def _late(image: int, block: FindSpots) -> ImageReport:
    reason = f"not readable by {block.deadline:%H:%M:%S} UTC: {block.master_file} has no image {image}"
    return ImageReport(image=image, failure=reason)


def _spots(report: ImageReport) -> ImageSpots:
    return ImageSpots(image=report.image, **report.figures())

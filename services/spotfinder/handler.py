"""A block of images in, one result per image out, failed ones included."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from services.spotfinder.analysis import ImageReport
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout, Patience
from services.spotfinder.turns import Turns
from shared.messages import FindSpots, ImageFailure, ImageSpots, SpotsFound, now

Analyse = Callable[[str, Sequence[int]], Awaitable[list[ImageReport]]]


async def find_spots(
    block: FindSpots, *, analyse: Analyse, in_hand: InHand, turns: Turns, lookout: Lookout
) -> AsyncIterator[SpotsFound]:
    """Analyse the images in order as they are written; what has not come when the block's wait is over has failed.

    Args:
        block: which images.
        analyse: reports on the images of a list, in order, up to the first that is not there yet.
        in_hand: which blocks are worked on.
        turns: who of them may analyse.
        lookout: when to look again for images that are not there.
    """
    reports = await in_hand.reports(block, partial(_look_for_images, analyse=analyse, turns=turns, lookout=lookout))
    yield SpotsFound(
        collection=block.collection,
        experiment=block.experiment,
        found=tuple(_spots(report) for report in reports if not report.failure),
        failed=tuple(ImageFailure(image=r.image, reason=r.failure) for r in reports if r.failure),
        found_at=now(),
        analysis_ms=1e3 * sum(report.seconds for report in reports),
    )


async def _look_for_images(block: FindSpots, *, analyse: Analyse, turns: Turns, lookout: Lookout) -> list[ImageReport]:
    patience = lookout.patience(block)
    missing = list(range(block.first_image, block.first_image + block.n_images))
    reports: list[ImageReport] = []
    has_waited = False
    while missing:
        is_late = patience.is_over
        async with turns.turn(block):
            in_vain = not (has_waited or is_late) and lookout.is_behind(block)
            fresh = [] if in_vain else await analyse(block.master_file, missing)
        reports += fresh
        missing = missing[len(fresh) :]
        if missing and is_late and not fresh:
            return reports + [_late(image, block, patience) for image in missing]
        if missing:
            await lookout.wait(block, patience.left_s)
            has_waited = True
    lookout.call_next(block)
    return reports


def _late(image: int, block: FindSpots, patience: Patience) -> ImageReport:
    reason = f"not readable within {max(0, patience.wait_s):.0f} s: {block.master_file} has no image {image}"
    return ImageReport(image=image, failure=reason)


def _spots(report: ImageReport) -> ImageSpots:
    return ImageSpots(image=report.image, **report.figures())

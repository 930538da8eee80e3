"""A block of images in, a result for every image out."""

from datetime import timedelta

import anyio

from services.spotfinder.analysis import ImageReport
from services.spotfinder.handler import find_spots
from services.spotfinder.per_image_analysis import ImageAnalysis
from shared.messages import CollectionRef, FindSpots, now

FIGURES = ImageAnalysis(
    n_spots_total=12,
    n_spots_no_ice=10,
    n_spots_4A=5,
    total_intensity=900.0,
    estimated_d_min=2.1,
    d_min_distl_method_1=None,
    d_min_distl_method_2=None,
    noisiness_method_1=None,
    noisiness_method_2=None,
)


def block(n_images: int, wait_s: float = 5) -> FindSpots:
    ref = CollectionRef(beamline="i03", visit="cm12345-1", id=42)
    deadline = now() + timedelta(seconds=wait_s)
    return FindSpots(collection=ref, master_file="/m.h5", first_image=8, n_images=n_images, deadline=deadline)


class Camera:
    """Writes one more image at every look, up to a last one; some are broken."""

    def __init__(self, last: int, broken: int | None = None) -> None:
        self.written, self.last, self.broken = 7, last, broken

    async def analyse(self, master_file, images):
        self.written = min(self.written + 1, self.last)
        return [self._report(image) for image in images if image <= self.written]

    def _report(self, image):
        if image == self.broken:
            return ImageReport(image=image, failure="truncated chunk", seconds=0.001)
        return ImageReport(image=image, analysis=FIGURES, seconds=0.002)


async def result(of, camera):
    (found,) = [reply async for reply in find_spots(of, analyse=camera.analyse, poll_s=0.001)]
    return found


async def test_images_are_waited_for_and_reported_in_order():
    found = await result(block(4), Camera(last=11))
    assert [spots.image for spots in found.found] == [8, 9, 10, 11]
    assert found.found[0].n_spots_total == 12
    assert found.analysis_ms == 8.0
    assert found.failed == ()


async def test_a_broken_image_is_recorded_with_its_reason_and_the_next_ones_go_on():
    found = await result(block(3), Camera(last=10, broken=9))
    assert [spots.image for spots in found.found] == [8, 10]
    assert [(failure.image, failure.reason) for failure in found.failed] == [(9, "truncated chunk")]


async def test_images_that_never_come_have_failed_at_the_deadline():
    with anyio.fail_after(5):
        found = await result(block(4, wait_s=0.05), Camera(last=9))
    assert [spots.image for spots in found.found] == [8, 9]
    assert [failure.image for failure in found.failed] == [10, 11]
    assert "has no image 10" in found.failed[0].reason


async def test_images_that_are_there_are_analysed_even_after_the_deadline():
    found = await result(block(2, wait_s=-60), Camera(last=20))
    assert len(found.found) == 2

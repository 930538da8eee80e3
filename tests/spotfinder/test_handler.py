"""A block of images in, a result for every image out."""

import anyio

from services.spotfinder.analysis import ImageReport
from services.spotfinder.handler import find_spots
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout
from services.spotfinder.per_image_analysis import ImageAnalysis
from services.spotfinder.turns import Turns
from tests.spotfinder.blocks import block

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


class Finder:
    """Blocks of one camera, with one worker."""

    def __init__(self, camera) -> None:
        self.camera = camera
        self.shared = {"in_hand": InHand(), "turns": Turns(1, 0), "lookout": Lookout(0.001)}

    async def result(self, of):
        handled = find_spots(of, analyse=self.camera.analyse, **self.shared)
        (found,) = [reply async for reply in handled]
        return found


async def result(of, camera):
    return await Finder(camera).result(of)


async def test_images_are_waited_for_and_reported_in_order():
    found = await result(block(4), Camera(last=11))
    assert [spots.image for spots in found.found] == [8, 9, 10, 11]
    assert found.found[0].n_spots_total == 12
    assert found.analysis_ms == 8.0
    assert found.failed == ()


async def test_the_result_says_what_kind_of_collection_it_is_about():
    found = await result(block(1, experiment="rotation"), Camera(last=20))
    assert found.experiment == "rotation"


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


class Slow(Camera):
    """Writes an image a millisecond; counts the looks."""

    looks = 0

    async def analyse(self, master_file, images):
        self.looks += 1
        await anyio.sleep(0.001)
        return await super().analyse(master_file, images)


async def test_many_blocks_of_a_collection_wait_for_their_images_without_looking_at_every_one():
    camera = Slow(last=407)
    finder, found = Finder(camera), []

    async def find(of):
        found.append(await finder.result(of))

    async with anyio.create_task_group() as tasks:
        for first_image in range(8, 408, 4):
            tasks.start_soon(find, block(4, first_image))

    images = [spots.image for each in found for spots in each.found]
    assert sorted(images) == list(range(8, 408))
    assert camera.looks < 1000


async def test_images_behind_one_that_never_comes_are_found_before_the_deadline():
    class Gap(Camera):
        async def analyse(self, master_file, images):
            return [] if 9 in images else await super().analyse(master_file, images)

    finder, found = Finder(Gap(last=100)), []

    async def find(of):
        found.append(await finder.result(of))

    async with anyio.create_task_group() as tasks:
        for first_image in (8, 12, 16, 20):
            tasks.start_soon(find, block(4, first_image, wait_s=2))

    assert [len(each.found) for each in found] == [4, 4, 4, 0]
    assert [failure.image for failure in found[-1].failed] == [8, 9, 10, 11]


async def test_a_block_that_comes_again_while_it_is_worked_on_is_analysed_once_and_answered_twice():
    """The broker was lost: it delivers all that is in hand once more."""
    camera = Slow(last=20)
    camera.written = 20
    finder, found = Finder(camera), []

    async def find(of):
        found.append(await finder.result(of))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(find, block(4))
        tasks.start_soon(find, block(4, wait_s=60))

    assert camera.looks == 1
    assert [[spots.image for spots in each.found] for each in found] == [[8, 9, 10, 11]] * 2


async def test_a_block_that_comes_again_is_analysed_when_the_first_work_on_it_is_broken_off():
    camera = Slow(last=20)
    camera.written = 20
    finder, found = Finder(camera), []

    async def find(of):
        found.append(await finder.result(of))

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as first:
        first.start_soon(finder.result, block(4))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(find, block(4))
        await anyio.wait_all_tasks_blocked()
        first.cancel_scope.cancel()

    assert [[spots.image for spots in each.found] for each in found] == [[8, 9, 10, 11]]

"""One bad image costs one image, and the reason is recorded."""

from datetime import timedelta

import h5py
import numpy as np
import pytest

from services.spotfinder.analysis import analyse_available
from services.spotfinder.finder import Parameters
from services.spotfinder.handler import find_spots
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout
from services.spotfinder.turns import Turns
from services.spotfinder.untrusted import Untrusted
from shared.messages import CollectionRef, FindSpots, now
from tests.spotfinder.cbf_files import some_pixels, write_cbf
from tests.spotfinder.nexus_files import SHAPE, collection, settle, some_images, write_images


def write_cut_short(path):
    write_images(path, some_images(1))
    with h5py.File(path, "r+") as file:
        _, chunk = file["data"].id.read_direct_chunk((0, 0, 0))
        file["data"].id.write_direct_chunk((0, 0, 0), chunk[:20])


IMAGE_FILES = {  # what is in the file of the second image of three
    "truncated chunk": (write_cut_short, "cut short after 20 bytes"),
    "wrong shape": (lambda path: write_images(path, some_images(1, shape=(8, 8))), "images of (8, 8) pixels"),
    "wrong type": (lambda path: write_images(path, some_images(1, np.float64)), "float64, no counting images"),
    "too few axes": (lambda path: write_images(path, some_images(1)[0], chunks=None), "no counting images"),
    "no HDF5 file": (lambda path: path.write_bytes(b"not an HDF5 file, only called so"), "signature"),
    "no dataset": (lambda path: h5py.File(path, "w").close(), "data"),
}


def master_of_three(folder, master, write_second):
    """A virtual dataset of three files with an image each."""
    layout = h5py.VirtualLayout((3, *SHAPE), np.uint16)
    for number in range(3):
        layout[number] = h5py.VirtualSource(f"{number}.h5", "data", (1, *SHAPE), np.uint16)[0]
        write = write_second if number == 1 else lambda path: write_images(path, some_images(1))
        write(folder / f"{number}.h5")
        if (folder / f"{number}.h5").exists():
            settle(folder / f"{number}.h5")
    with h5py.File(master, "a", libver=("v110", "v110")) as file:
        file["entry/data"].create_virtual_dataset("data", layout)
    settle(master)
    return str(master)


@pytest.mark.parametrize(("write", "reason"), IMAGE_FILES.values(), ids=IMAGE_FILES)
def test_a_bad_image_is_a_failure_with_its_reason_and_the_next_goes_on(tmp_path, master, write, reason):
    before, bad, after = analyse_available(master_of_three(tmp_path, master, write), [0, 1, 2])
    assert before.analysis == after.analysis is not None
    assert bad.analysis is None
    assert reason in bad.failure


@pytest.mark.parametrize("write", [lambda path: None, lambda path: path.touch()], ids=["missing", "empty"])
def test_a_file_that_may_still_come_is_waited_for(tmp_path, master, write):
    path = master_of_three(tmp_path, master, write)
    assert [report.image for report in analyse_available(path, [0, 1, 2])] == [0]
    assert [report.image for report in analyse_available(path, [2, 0])] == [2, 0]


def cbf_collection(folder):
    """Good, cut short, empty, of another shape, good, and two that never come."""
    for number in (1, 5):
        write_cbf(folder / f"grid_{number:04d}.cbf", some_pixels())
    write_cbf(folder / "grid_0002.cbf", some_pixels())
    (folder / "grid_0002.cbf").write_bytes((folder / "grid_0002.cbf").read_bytes()[:-900])
    (folder / "grid_0003.cbf").touch()
    write_cbf(folder / "grid_0004.cbf", some_pixels(shape=(30, 40)))
    settle(*folder.glob("*.cbf"))
    return str(folder / "grid_####.cbf")


async def test_every_image_of_a_block_is_found_or_failed(tmp_path):
    async def analyse(master_file, images):
        return analyse_available(master_file, images)

    block = FindSpots(
        collection=CollectionRef(beamline="i03", visit="cm12345-1", id=42),
        master_file=cbf_collection(tmp_path),
        first_image=0,
        n_images=7,
        deadline=now() + timedelta(seconds=0.3),
    )
    alone = {"in_hand": InHand(), "turns": Turns(1, 0), "lookout": Lookout(0.1)}
    (result,) = [reply async for reply in find_spots(block, analyse=analyse, **alone)]
    assert [spots.image for spots in result.found] == [0, 4]
    assert [failure.image for failure in result.failed] == [1, 2, 3, 5, 6]
    reasons = ("cut short", "cut short", "(30, 40)", "no image 5", "no image 6")
    for failure, reason in zip(result.failed, reasons, strict=True):
        assert reason in failure.reason
        assert "grid_" in failure.reason


def test_spots_in_untrusted_regions_do_not_count(tmp_path):
    image = np.zeros((120, 130), np.uint16)
    image[60:62, 30:32] = image[70:72, 90:92] = 50
    master = str(collection(tmp_path, image[None], **{"detector/pixel_mask": (None, None)}))
    beamstop = Untrusted(circles=((31, 61, 5),))
    counts = [
        analyse_available(master, [0], Parameters(d_max=1e9), untrusted)[0].analysis.n_spots_total
        for untrusted in (Untrusted(), beamstop, Untrusted(rectangles=((0, 130, 0, 120),)), Untrusted())
    ]
    assert counts == [2, 1, 0, 2]


def test_a_mask_that_cannot_be_used_is_the_failure_of_every_image(tmp_path):
    np.save(tmp_path / "mask.npy", np.zeros((5, 5)))
    master = str(collection(tmp_path, some_images(2)))
    for mask_file, reason in (("mask.npy", "has (5, 5) pixels"), ("lost.npy", "No such file")):
        reports = analyse_available(master, [0, 1], untrusted=Untrusted(mask_file=tmp_path / mask_file))
        assert [report.analysis for report in reports] == [None, None]
        assert all(reason in report.failure and mask_file in report.failure for report in reports)

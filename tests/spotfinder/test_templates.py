"""Collections of single-image files, named by a template."""

import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, ImageUnreadable, read
from services.spotfinder.images.minicbf import parse_header
from services.spotfinder.images.template import Template
from tests.spotfinder.cbf_files import COMPRESSIONS, HEADER, some_pixels, write_cbf
from tests.spotfinder.nexus_files import opened, settle


def grid(folder, numbers, suffix=".cbf"):
    """Files of these numbers, and their template."""
    for number in numbers:
        write_cbf(folder / f"grid_1_{number:04d}{suffix}", some_pixels(number))
    return folder / f"grid_1_####{suffix}"


@pytest.mark.parametrize(
    ("name", "number", "file"),
    [
        ("grid_1_####.cbf", 7, "grid_1_0007.cbf"),
        ("grid_1_####.cbf", 12345, "grid_1_12345.cbf"),
        ("grid_1_#####.cbf.gz", 7, "grid_1_00007.cbf.gz"),
        ("tray#3_grid_#.cbf", 7, "tray#3_grid_7.cbf"),
        ("a.b*_##.cbf", 12, "a.b*_12.cbf"),
    ],
)
def test_the_last_hashes_stand_for_the_number(tmp_path, name, number, file):
    template = Template(tmp_path / name)
    assert template.file(number) == tmp_path / file
    (tmp_path / file).touch()
    (tmp_path / f"{file}.tmp").touch()
    assert template.numbers() == [number]


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_image_0_is_in_file_number_1(tmp_path, suffix):
    source = opened(grid(tmp_path, (1, 2, 3), suffix))
    assert source.count() == 3
    assert all(np.array_equal(read(source, image), some_pixels(image + 1)) for image in (2, 0, 1))
    assert source.detector == parse_header(HEADER)
    assert np.array_equal(source.mask, some_pixels() >= 0)


def test_a_file_that_has_not_come_is_not_ready_and_the_others_are(tmp_path):
    source = opened(grid(tmp_path, (1, 3)))
    assert source.count() == 3
    with pytest.raises(ImageNotReady, match=r"grid_1_0002\.cbf does not exist"):
        read(source, 1)
    assert np.array_equal(read(source, 2), some_pixels(3))
    grid(tmp_path, (2,))
    assert np.array_equal(read(source, 1), some_pixels(2))


def test_a_broken_first_file_costs_its_own_image_only(tmp_path):
    path = tmp_path / "grid_1_0001.cbf"
    path.write_bytes(b"")
    settle(path)
    with pytest.raises(ImageNotReady, match=r"grid_1_0001\.cbf: cut short"):
        opened(tmp_path / "grid_1_####.cbf")
    source = opened(grid(tmp_path, (2,)))
    with pytest.raises(ImageUnreadable, match=r"grid_1_0001\.cbf: cut short"):
        read(source, 0)
    assert np.array_equal(read(source, 1), some_pixels(2))


def test_an_image_of_another_shape_is_unreadable(tmp_path):
    template = grid(tmp_path, (1,))
    write_cbf(tmp_path / "grid_1_0002.cbf", some_pixels(shape=(50, 40)))
    with pytest.raises(ImageUnreadable, match=r"grid_1_0002\.cbf: image of \(50, 40\) pixels, expected \(40, 50\)"):
        read(opened(template), 1)


def test_without_files_nothing_is_ready(tmp_path):
    for template in (tmp_path / "grid_1_####.cbf", tmp_path / "no folder" / "grid_1_####.cbf"):
        with pytest.raises(ImageNotReady, match=r"grid_1_0001\.cbf does not exist"):
            opened(template)


def test_a_collection_that_replaces_another_is_noticed(tmp_path):
    source = opened(grid(tmp_path, (1, 2)))
    assert source.is_current()
    write_cbf(tmp_path / "grid_1_0001.cbf", some_pixels(9, shape=(60, 50)))
    assert not source.is_current()

"""Images that will never be read, and files that are replaced."""

import h5py
import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, ImageUnreadable, OpenFiles, open_images, read
from tests.spotfinder.nexus_files import (
    SHAPE,
    STORAGES,
    collection,
    link,
    opened,
    settle,
    some_images,
    write_images,
)


def test_an_image_beyond_the_end_is_unreadable(tmp_path):
    source = opened(collection(tmp_path, some_images(3)))
    with pytest.raises(ImageUnreadable, match="has 3 images; there is no image 3"):
        read(source, 3)


def test_a_file_that_is_no_hdf5_file_is_unreadable(tmp_path):
    nonsense = tmp_path / "nonsense_master.h5"
    nonsense.write_bytes(b"not an HDF5 file, only called so")
    with pytest.raises(ImageNotReady):
        opened(nonsense)
    settle(nonsense)
    with pytest.raises(ImageUnreadable, match="signature"):
        opened(nonsense)


def test_a_file_of_which_only_data_have_reached_the_disk_is_not_ready(tmp_path):
    reserved = tmp_path / "new_master.h5"
    reserved.write_bytes(bytes(2048))
    settle(reserved)
    with pytest.raises(ImageNotReady):
        opened(reserved)


def broken_chunk(tmp_path, master, spoil):
    """A collection of two images, the chunk of the second one spoilt."""
    images = some_images(2)
    path = write_images(tmp_path / "grid.h5", images)
    with h5py.File(path, "r+") as file:
        data = file["data"]
        _, chunk = data.id.read_direct_chunk((1, 0, 0))
        data.id.write_direct_chunk((1, 0, 0), spoil(chunk))
    link(master, "data_000001", path.name)
    settle(path)
    return opened(master), images


SPOILERS = {
    "header cut": lambda chunk: chunk[:8],
    "cut in half": lambda chunk: chunk[: len(chunk) // 2],
    "last byte lost": lambda chunk: chunk[:-1],
    "zeros": lambda chunk: bytes(len(chunk)),
    "nonsense after the header": lambda chunk: chunk[:40] * 9,
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_a_broken_chunk_is_unreadable_and_the_others_are_not(tmp_path, master, spoil):
    source, images = broken_chunk(tmp_path, master, spoil)
    with pytest.raises(ImageUnreadable, match=r"grid\.h5"):
        read(source, 1)
    assert np.array_equal(read(source, 0), images[0])


@pytest.mark.parametrize("storage", ["bitshuffle-zstd", "lz4", "blosc", "gzip", "checksum"])
def test_half_a_chunk_is_unreadable_whatever_its_filter(tmp_path, master, storage):
    images = some_images(2)
    path = write_images(tmp_path / "grid.h5", images, **STORAGES[storage])
    with h5py.File(path, "r+") as file:
        data = file["data"].id
        _, chunk = data.read_direct_chunk((1, 0, 0))
        data.write_direct_chunk((1, 0, 0), chunk[: len(chunk) // 2])
    link(master, "data_000001", path.name)
    settle(path)
    source = opened(master)
    with pytest.raises(ImageUnreadable, match=r"grid\.h5"):
        read(source, 1)
    assert np.array_equal(read(source, 0), images[0])


def test_images_of_another_shape_are_unreadable(tmp_path, master):
    write_images(tmp_path / "small.h5", some_images(2, shape=(8, 8)))
    write_images(tmp_path / "grid.h5", some_images(2))
    link(master, "data_000001", "grid.h5")
    link(master, "data_000002", "small.h5")
    with pytest.raises(ImageUnreadable, match=r"images of \(8, 8\).*expected \(30, 44\)"):
        read(opened(master), 2)


def test_a_mask_of_another_shape_is_unreadable(tmp_path):
    with pytest.raises(ImageUnreadable, match=r"pixel_mask of \(5, 5\)"):
        opened(collection(tmp_path, some_images(), **{"detector/pixel_mask": (np.zeros((5, 5)), None)}))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("detector/distance", (None, None), "distance"),
        ("detector/distance", (-0.2, "m"), "must be positive"),
        ("detector/distance", (0.2, "furlong"), "furlong"),
        ("detector/beam_center_x", (np.nan, "pixel"), "beam_center_x is nan"),
        ("detector/sensor_material", ("cheese", None), "cheese"),
        ("beam/incident_wavelength", (1e-3, "angstrom"), "no attenuation of Si known"),
    ],
)
def test_a_master_that_makes_no_sense_is_unreadable(tmp_path, name, value, reason):
    with pytest.raises(ImageUnreadable, match=reason):
        opened(collection(tmp_path, some_images(), **{name: value}))


def test_images_that_are_not_counts_are_unreadable(tmp_path):
    with pytest.raises(ImageUnreadable, match="float32"):
        opened(collection(tmp_path, some_images(dtype=np.float32)))


def test_a_file_of_another_type_is_unreadable_and_the_others_are_not(tmp_path, master):
    images = some_images(2)
    write_images(tmp_path / "counts.h5", images)
    write_images(tmp_path / "means.h5", some_images(2, np.float32))
    link(master, "data_000001", "counts.h5")
    link(master, "data_000002", "means.h5")
    source = opened(master)
    with pytest.raises(ImageUnreadable, match=r"means\.h5.* float32, no counting images"):
        read(source, 2)
    assert np.array_equal(read(source, 1), images[1])


def test_an_empty_file_is_waited_for(tmp_path, master):
    """A writer may have made it, and keep all else to itself for long."""
    (tmp_path / "grid.h5").touch()
    settle(tmp_path / "grid.h5")
    link(master, "data_000001", "grid.h5")
    with pytest.raises(ImageNotReady, match=r"grid\.h5"):
        opened(master)


def test_a_virtual_dataset_of_tiles_is_unreadable(tmp_path, master):
    write_images(tmp_path / "module.h5", some_images(2, shape=(15, 44)))
    layout = h5py.VirtualLayout((2, *SHAPE), np.uint16)
    layout[:, :15] = h5py.VirtualSource(tmp_path / "module.h5", "data", (2, 15, 44), np.uint16)
    with h5py.File(master, "a") as file:
        file["entry/data"].create_virtual_dataset("data", layout)
    settle(master)
    with pytest.raises(ImageUnreadable, match="parts of images"):
        read(opened(master), 0)


def test_data_files_that_are_replaced_are_read_anew(tmp_path, master):
    link(master, "data_000001", "grid.h5")
    files = OpenFiles(8)
    before, after = some_images(3), some_images(4)
    write_images(tmp_path / "grid.h5", before)
    source = open_images(master, files)
    assert np.array_equal(read(source, 2), before[2])
    (tmp_path / "grid.h5").unlink()
    with pytest.raises(ImageNotReady):
        read(source, 2)
    write_images(tmp_path / "grid.h5", after)
    assert np.array_equal(read(source, 2), after[2])


def test_no_more_files_are_open_than_allowed(tmp_path):
    files = OpenFiles(2)
    paths = [write_images(tmp_path / f"{n}.h5", some_images(1)) for n in range(3)]
    first, *others = [files.get(path) for path in paths]
    assert not first
    assert all(others)
    files.close()
    assert not any(others)

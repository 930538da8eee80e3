"""Images of every layout, whole, unfinished and broken."""

import multiprocessing
import shutil
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, ImageUnreadable, OpenFiles, open_images
from services.spotfinder.kernels import MAX_COUNT
from tests.spotfinder.nexus_files import (
    BITSHUFFLE_LZ4,
    SHAPE,
    Master,
    collection,
    link,
    settle,
    some_images,
    virtual,
    write_images,
    write_live,
)

DTYPES = [np.uint8, np.uint16, np.uint32, np.int32]
STORAGES = {
    "bitshuffle-lz4": {"chunks": (1, *SHAPE), **BITSHUFFLE_LZ4},
    "gzip": {"chunks": (1, *SHAPE), "compression": "gzip"},
    "uncompressed": {"chunks": (1, *SHAPE)},
    "contiguous": {"chunks": None},
    "tiles": {"chunks": (2, 16, 16), **BITSHUFFLE_LZ4},
}


def opened(master):
    return open_images(master, OpenFiles(8))


def read_all(master, n):
    source = opened(master)
    return np.array([source.read(image).copy() for image in range(n)])


@pytest.fixture
def master(tmp_path):
    return Master().write(tmp_path / "grid_master.h5")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("storage", STORAGES)
def test_images_of_every_type_and_storage_are_read(tmp_path, master, dtype, storage):
    images = some_images(5, dtype)
    write_images(tmp_path / "grid_000001.h5", images, **STORAGES[storage])
    link(master, "data_000001", "grid_000001.h5")
    assert np.array_equal(read_all(master, 5), images)


def test_images_in_the_master_itself_are_read(master):
    images = some_images(3)
    write_images(master, images, name="entry/data/data")
    assert np.array_equal(read_all(master, 3), images)
    assert opened(master).count() == 3


def test_links_in_a_row_make_one_collection(tmp_path, master):
    images = some_images(7)
    for number, part in enumerate(np.split(images, [3, 6]), 1):
        write_images(tmp_path / f"part_{number}.h5", part)
        link(master, f"data_{number:06d}", f"part_{number}.h5")
    assert opened(master).count() == 7
    assert np.array_equal(read_all(master, 7), images)
    source = opened(master)
    assert [np.array_equal(source.read(image), images[image]) for image in (6, 0, 3, 5)] == [True] * 4


def test_a_virtual_dataset_of_several_files_is_read(tmp_path, master):
    images = some_images(7)
    write_images(tmp_path / "a.h5", images[:3])
    write_images(tmp_path / "b.h5", images[3:])
    virtual(master, [("a.h5", 3, np.s_[:3], np.s_[:3]), ("b.h5", 4, np.s_[:4], np.s_[3:])], 7)
    assert np.array_equal(read_all(master, 7), images)


def test_a_virtual_dataset_of_interleaved_files_is_read(tmp_path, master):
    images = some_images(8)
    write_images(tmp_path / "even.h5", images[::2])
    write_images(tmp_path / "odd.h5", images[1::2])
    virtual(master, [("even.h5", 4, np.s_[:4], np.s_[::2]), ("odd.h5", 4, np.s_[:4], np.s_[1::2])], 8)
    assert np.array_equal(read_all(master, 8), images)


def test_a_part_of_a_file_is_read(tmp_path, master):
    """Two grids in one data file: the second collection starts in its middle."""
    images = some_images(6)
    write_images(tmp_path / "both.h5", images)
    virtual(master, [("both.h5", 6, np.s_[4:], np.s_[:])], 2)
    assert np.array_equal(read_all(master, 2), images[4:])


def test_virtual_datasets_may_be_nested_and_linked(tmp_path, master):
    images = some_images(4)
    write_images(tmp_path / "raw.h5", images)
    outer = Master().write(tmp_path / "outer.h5")
    virtual(outer, [("raw.h5", 4, np.s_[:], np.s_[:])], 4)
    link(master, "data", "outer.h5", "/entry/data/data")
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["data"] = h5py.SoftLink("/entry/data/data")
        file["entry/data/data"] = h5py.ExternalLink("raw.h5", "data")
    second = Master().write(tmp_path / "second.h5")
    link(second, "data_000001", "linked.h5", "data")
    assert np.array_equal(read_all(master, 4), images)
    assert np.array_equal(read_all(second, 4), images)


def test_a_collection_may_have_moved(tmp_path):
    """Links by absolute path are followed beside the master when the path is gone."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    images = some_images(2)
    master = Master().write(there / "grid_master.h5")
    link(master, "data_000001", str(write_images(there / "grid_000001.h5", images)))
    shutil.move(there, here)
    assert np.array_equal(read_all(here / "grid_master.h5", 2), images)


def test_the_detector_is_read_in_millimetres_and_angstrom(tmp_path):
    changes = {
        "detector/x_pixel_size": (172.0, "um"),
        "detector/distance": (350.0, "mm"),
        "beam/incident_wavelength": (0.09, "nm"),
        "detector/sensor_material": ("CdTe", None),
        "detector/saturation_value": (60000, None),
    }
    detector = opened(collection(tmp_path, some_images(), **changes)).detector
    assert detector.pixel_size_mm == pytest.approx((0.172, 0.075))
    assert detector.distance_mm == pytest.approx(350)
    assert detector.wavelength_angstrom == pytest.approx(0.9)
    assert detector.beam_centre_px == (22, 15)
    assert (detector.sensor_material, detector.sensor_thickness_mm) == ("CdTe", pytest.approx(0.45))
    assert detector.saturation == 60000


@pytest.mark.parametrize(("dtype", "saturation"), [(np.uint8, 254), (np.uint16, 65534), (np.uint32, 2**31 - 2)])
def test_the_highest_values_of_a_type_are_never_trusted(tmp_path, dtype, saturation):
    assert opened(collection(tmp_path, some_images(2, dtype))).detector.saturation == saturation
    assert saturation >= MAX_COUNT or saturation == np.iinfo(dtype).max - 1


def test_masked_pixels_are_not_valid(tmp_path):
    pixel_mask = np.zeros(SHAPE, np.uint32)
    pixel_mask[3, 4], pixel_mask[5, 6] = 1, 8
    mask = opened(collection(tmp_path, some_images(), **{"detector/pixel_mask": (pixel_mask, None)})).mask
    assert np.argwhere(~mask).tolist() == [[3, 4], [5, 6]]


def test_without_a_mask_all_pixels_are_valid(tmp_path):
    mask = opened(collection(tmp_path, some_images(), **{"detector/pixel_mask": (None, None)})).mask
    assert mask.shape == SHAPE
    assert mask.all()


def test_a_master_that_does_not_exist_is_not_ready(tmp_path):
    with pytest.raises(ImageNotReady, match=r"later_master\.h5 does not exist"):
        opened(tmp_path / "later_master.h5")


def test_a_data_file_that_does_not_exist_is_not_ready(tmp_path, master):
    images = some_images(4)
    virtual(master, [("late.h5", 4, np.s_[:], np.s_[:])], 4)
    source = opened(master)
    with pytest.raises(ImageNotReady, match=r"late\.h5 does not exist"):
        source.read(0)
    write_images(tmp_path / "late.h5", images)
    assert np.array_equal(source.read(0), images[0])


def test_the_next_link_is_not_ready_before_its_file_is_there(tmp_path, master):
    images = some_images(4)
    for number in (1, 2):
        link(master, f"data_{number:06d}", f"part_{number}.h5")
    write_images(tmp_path / "part_1.h5", images[:2])
    source = opened(master)
    assert np.array_equal(source.read(1), images[1])
    assert source.count() == 2
    with pytest.raises(ImageNotReady, match=r"part_2\.h5 does not exist"):
        source.read(2)
    write_images(tmp_path / "part_2.h5", images[2:])
    assert np.array_equal(source.read(2), images[2])


def test_a_chunk_that_has_not_been_written_is_not_ready(tmp_path, master):
    images = some_images(4)
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        data = file.create_dataset("data", images.shape, images.dtype, **STORAGES["bitshuffle-lz4"])
        data[1] = images[1]
    link(master, "data_000001", "grid.h5")
    source = opened(master)
    assert np.array_equal(source.read(1), images[1])
    with pytest.raises(ImageNotReady, match="image 2 has not been written"):
        source.read(2)


def test_a_contiguous_dataset_that_has_not_been_written_is_not_ready(tmp_path, master):
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        file.create_dataset("data", (4, *SHAPE), np.uint16)
    link(master, "data_000001", "grid.h5")
    with pytest.raises(ImageNotReady, match="image 0 has not been written"):
        opened(master).read(0)


def test_a_virtual_dataset_may_be_of_another_type_than_its_source(tmp_path, master):
    images = some_images(2, np.uint16)
    write_images(tmp_path / "narrow.h5", images)
    virtual(master, [("narrow.h5", 2, np.s_[:], np.s_[:])], 2, np.uint32)
    read = read_all(master, 2)
    assert read.dtype == np.uint32
    assert np.array_equal(read, images)


@contextmanager
def live_writer(path, libver, *, swmr=False):
    """A function that has another process write an image; the file is closed at the end."""
    spawn = multiprocessing.get_context("spawn")
    orders, theirs = spawn.Pipe()
    process = spawn.Process(target=write_live, args=(path, theirs, libver, swmr))
    process.start()
    theirs.close()  # so that its death ends the waiting here

    def write(image):
        orders.send(image)
        assert orders.recv() == "written"

    assert orders.recv() == "open"
    yield write
    orders.send(None)
    process.join()


@pytest.mark.parametrize(("libver", "swmr"), [(("v110", "v110"), True), (("earliest", "v110"), False)])
def test_images_are_read_while_they_are_written(tmp_path, master, libver, swmr):
    images = some_images(4)
    link(master, "data_000001", "live.h5")
    with live_writer(tmp_path / "live.h5", libver, swmr=swmr) as write:
        source = opened(master)
        for number, image in enumerate(images):
            with pytest.raises(ImageNotReady, match=f"there is no image {number}"):
                source.read(number)
            write(image)
            assert np.array_equal(source.read(number), image)
        settle(tmp_path / "live.h5")
        with pytest.raises(ImageNotReady, match="there is no image 4"):
            source.read(4)


def test_an_image_beyond_the_end_of_a_file_that_grew_is_unreadable(tmp_path, master):
    link(master, "data_000001", "live.h5")
    with live_writer(tmp_path / "live.h5", ("v110", "v110"), swmr=True) as write:
        write(some_images(1)[0])
    settle(tmp_path / "live.h5")
    with pytest.raises(ImageUnreadable, match="there is no image 1"):
        opened(master).read(1)


def test_images_are_not_ready_while_a_writer_keeps_the_file_to_itself(tmp_path, master):
    images = some_images(2)
    link(master, "data_000001", "live.h5")
    with live_writer(tmp_path / "live.h5", ("v110", "v110")) as write:
        write(images[0])
        settle(tmp_path / "live.h5")
        with pytest.raises(ImageNotReady):
            opened(master)
    assert np.array_equal(opened(master).read(0), images[0])


def test_an_image_beyond_the_end_is_unreadable(tmp_path):
    source = opened(collection(tmp_path, some_images(3)))
    with pytest.raises(ImageUnreadable, match="has 3 images; there is no image 3"):
        source.read(3)


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
        source.read(1)
    assert np.array_equal(source.read(0), images[0])


def test_images_of_another_shape_are_unreadable(tmp_path, master):
    write_images(tmp_path / "small.h5", some_images(2, shape=(8, 8)))
    write_images(tmp_path / "grid.h5", some_images(2))
    link(master, "data_000001", "grid.h5")
    link(master, "data_000002", "small.h5")
    with pytest.raises(ImageUnreadable, match=r"images of \(8, 8\).*expected \(30, 44\)"):
        opened(master).read(2)


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


def test_a_virtual_dataset_of_tiles_is_unreadable(tmp_path, master):
    write_images(tmp_path / "module.h5", some_images(2, shape=(15, 44)))
    layout = h5py.VirtualLayout((2, *SHAPE), np.uint16)
    layout[:, :15] = h5py.VirtualSource(tmp_path / "module.h5", "data", (2, 15, 44), np.uint16)
    with h5py.File(master, "a") as file:
        file["entry/data"].create_virtual_dataset("data", layout)
    settle(master)
    with pytest.raises(ImageUnreadable, match="parts of images"):
        opened(master).read(0)


def test_data_files_that_are_replaced_are_read_anew(tmp_path, master):
    link(master, "data_000001", "grid.h5")
    files = OpenFiles(8)
    before, after = some_images(3), some_images(4)
    write_images(tmp_path / "grid.h5", before)
    source = open_images(master, files)
    assert np.array_equal(source.read(2), before[2])
    (tmp_path / "grid.h5").unlink()
    with pytest.raises(ImageNotReady):
        source.read(2)
    write_images(tmp_path / "grid.h5", after)
    assert np.array_equal(source.read(2), after[2])


def test_no_more_files_are_open_than_allowed(tmp_path):
    files = OpenFiles(2)
    paths = [write_images(tmp_path / f"{n}.h5", some_images(1)) for n in range(3)]
    first, *others = [files.get(path) for path in paths]
    assert not first
    assert all(others)
    files.close()
    assert not any(others)

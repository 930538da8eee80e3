"""Images of every layout, and what is said of them once."""

import shutil

import h5py
import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, read
from services.spotfinder.kernels.dispersion import MAX_COUNT
from tests.spotfinder.nexus_files import (
    BITSHUFFLE_LZ4,
    SHAPE,
    STORAGES,
    Master,
    append,
    collection,
    group,
    growing,
    link,
    opened,
    settle,
    some_images,
    virtual,
    virtual_without_end,
    write_dectris,
    write_images,
)

DTYPES = [np.uint8, np.uint16, np.uint32, np.int32]


def read_all(master, n):
    source = opened(master)
    return np.array([read(source, image) for image in range(n)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("storage", STORAGES)
def test_images_of_every_type_and_storage_are_read(tmp_path, master, dtype, storage):
    images = some_images(5, dtype)
    write_images(tmp_path / "grid_000001.h5", images, **STORAGES[storage])
    link(master, "data_000001", "grid_000001.h5")
    assert np.array_equal(read_all(master, 5), images)


def test_an_image_that_was_stored_without_its_filter_is_read(tmp_path, master):
    """HDF5 leaves a filter out, and says so, where it would only make the chunk larger."""
    images = some_images(3)
    path = write_images(tmp_path / "grid_000001.h5", images)
    with h5py.File(path, "r+") as file:
        file["data"].id.write_direct_chunk((1, 0, 0), images[1].tobytes(), filter_mask=1)
    link(master, "data_000001", "grid_000001.h5")
    assert np.array_equal(read_all(master, 3), images)


def test_a_chunk_of_bitshuffle_lz4_is_handed_out_as_it_is(tmp_path, master):
    images = some_images(2)
    path = write_images(tmp_path / "grid_000001.h5", images)
    link(master, "data_000001", "grid_000001.h5")
    with h5py.File(path) as file:
        chunks = [file["data"].id.read_direct_chunk((image, 0, 0))[1] for image in (0, 1)]
    source = opened(master)
    for image in (0, 1, 0):
        with source.stored(image) as chunk:
            assert bytes(chunk.encoded) == chunks[image]
            assert (chunk.shape, chunk.dtype) == (SHAPE, np.uint16)


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
    assert [np.array_equal(read(source, image), images[image]) for image in (6, 0, 3, 5)] == [True] * 4


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


def test_a_virtual_dataset_may_be_of_another_type_than_its_source(tmp_path, master):
    images = some_images(2, np.uint16)
    write_images(tmp_path / "narrow.h5", images)
    virtual(master, [("narrow.h5", 2, np.s_[:], np.s_[:])], 2, np.uint32)
    read = read_all(master, 2)
    assert read.dtype == np.uint32
    assert np.array_equal(read, images)


def test_a_virtual_dataset_without_end_grows_with_its_sources(tmp_path, master):
    """Two processes of a file writer, an image each in turn; the master is there before the first image."""
    images = some_images(5)
    parts = [growing(tmp_path / "even.h5"), growing(tmp_path / "odd.h5")]
    virtual_without_end(master, [part.name for part in parts])
    source = opened(master)
    for number, image in enumerate(images):
        with pytest.raises(ImageNotReady, match=f"there is no image {number // 2}"):
            read(source, number)
        append(parts[number % 2], image)
        assert np.array_equal(read(source, number), image)
        assert source.count() == number + 1


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


CUTOFFS = (
    "saturation_value",
    "detectorSpecific/countrate_correction_count_cutoff",
    "detectorSpecific/detectorModule_000/countrate_correction_count_cutoff",
    "detectorSpecific/saturation_value",
)


@pytest.mark.parametrize("names_classes", [True, False])
@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_a_master_of_the_dectris_file_writer_is_read(tmp_path, names_classes, cutoff):
    images = some_images(5)
    master = write_dectris(tmp_path / "series_7_master.h5", names_classes=names_classes, cutoff=cutoff)
    for number, part in enumerate(np.split(images, [3]), 1):
        write_images(tmp_path / f"series_7_data_{number:06d}.h5", part, name="entry/data/data")
        link(master, f"data_{number:06d}", f"series_7_data_{number:06d}.h5", "entry/data/data")
    source = opened(master)
    assert source.count() == 5
    assert np.array_equal(read_all(master, 5), images)
    assert source.detector.distance_mm == pytest.approx(200)
    assert source.detector.wavelength_angstrom == 1
    assert source.detector.saturation == 50000
    assert np.argwhere(~source.mask).tolist() == [[3, 4], [5, 6]]


def test_the_beam_may_be_described_with_the_sample(tmp_path, master):
    write_images(master, some_images(1), name="entry/data/data")
    with h5py.File(master, "a") as file:
        del file["entry/instrument/beam/incident_wavelength"]
        beam = group(group(file["entry"], "sample", "NXsample"), "beam", "NXbeam")
        beam["incident_wavelength"] = 0.9
    assert opened(master).detector.wavelength_angstrom == 0.9


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


@pytest.mark.parametrize("storage", [{}, {"chunks": SHAPE, **BITSHUFFLE_LZ4}, {"chunks": (8, 8), **BITSHUFFLE_LZ4}])
def test_a_mask_is_read_however_it_is_stored(tmp_path, storage):
    pixel_mask = np.zeros(SHAPE, np.uint32)
    pixel_mask[3, 4], pixel_mask[29, 43] = 1, 1 << 30
    master = collection(tmp_path, some_images(), **{"detector/pixel_mask": (None, None)})
    with h5py.File(master, "a") as file:
        file["entry/instrument/detector"].create_dataset("pixel_mask", data=pixel_mask, **storage)
    settle(master)
    assert np.argwhere(~opened(master).mask).tolist() == [[3, 4], [29, 43]]


def test_masked_pixels_are_not_valid(tmp_path):
    pixel_mask = np.zeros(SHAPE, np.uint32)
    pixel_mask[3, 4], pixel_mask[5, 6] = 1, 8
    mask = opened(collection(tmp_path, some_images(), **{"detector/pixel_mask": (pixel_mask, None)})).mask
    assert np.argwhere(~mask).tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize("name", ["pixel_mask", "detectorSpecific/pixel_mask"])
def test_a_mask_may_be_in_a_file_of_its_own_and_is_waited_for(tmp_path, name):
    """As the files of Diamond's EIGERs have it."""
    master = Master().write(tmp_path / "grid_master.h5", **{"detector/pixel_mask": (None, None)})
    write_images(master, some_images(1), name="entry/data/data")
    with h5py.File(master, "a") as file:
        file[f"entry/instrument/detector/{name}"] = h5py.ExternalLink("grid_meta.h5", "mask")
    with pytest.raises(ImageNotReady, match=r"grid_meta\.h5 does not exist"):
        opened(master)
    with h5py.File(tmp_path / "grid_meta.h5", "w") as file:
        file["mask"] = np.eye(*SHAPE, dtype=np.uint32)
    assert np.array_equal(opened(master).mask, ~np.eye(*SHAPE, dtype=bool))


def test_without_a_mask_all_pixels_are_valid(tmp_path):
    mask = opened(collection(tmp_path, some_images(), **{"detector/pixel_mask": (None, None)})).mask
    assert mask.shape == SHAPE
    assert mask.all()

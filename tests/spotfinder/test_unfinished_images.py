"""Images that are not there yet."""

import multiprocessing
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, ImageUnreadable, read
from tests.spotfinder.nexus_files import (
    SHAPE,
    STORAGES,
    Master,
    link,
    opened,
    settle,
    some_images,
    virtual,
    write_images,
    write_live,
)


def test_a_master_that_does_not_exist_is_not_ready(tmp_path):
    with pytest.raises(ImageNotReady, match=r"later_master\.h5 does not exist"):
        opened(tmp_path / "later_master.h5")


def test_a_data_file_that_does_not_exist_is_not_ready(tmp_path, master):
    images = some_images(4)
    virtual(master, [("late.h5", 4, np.s_[:], np.s_[:])], 4)
    source = opened(master)
    with pytest.raises(ImageNotReady, match=r"late\.h5 does not exist"):
        read(source, 0)
    write_images(tmp_path / "late.h5", images)
    assert np.array_equal(read(source, 0), images[0])


def test_the_next_link_is_not_ready_before_its_file_is_there(tmp_path, master):
    images = some_images(4)
    for number in (1, 2):
        link(master, f"data_{number:06d}", f"part_{number}.h5")
    write_images(tmp_path / "part_1.h5", images[:2])
    source = opened(master)
    assert np.array_equal(read(source, 1), images[1])
    assert source.count() == 2
    with pytest.raises(ImageNotReady, match=r"part_2\.h5 does not exist"):
        read(source, 2)
    write_images(tmp_path / "part_2.h5", images[2:])
    assert np.array_equal(read(source, 2), images[2])


def test_a_chunk_that_has_not_been_written_is_not_ready(tmp_path, master):
    images = some_images(4)
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        data = file.create_dataset("data", images.shape, images.dtype, **STORAGES["bitshuffle-lz4"])
        data[1] = images[1]
    link(master, "data_000001", "grid.h5")
    source = opened(master)
    assert np.array_equal(read(source, 1), images[1])
    with pytest.raises(ImageNotReady, match="image 2 has not been written"):
        read(source, 2)


def test_a_contiguous_dataset_that_has_not_been_written_is_not_ready(tmp_path, master):
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        file.create_dataset("data", (4, *SHAPE), np.uint16)
    link(master, "data_000001", "grid.h5")
    with pytest.raises(ImageNotReady, match="image 0 has not been written"):
        read(opened(master), 0)


@pytest.mark.parametrize("missing", ["detector/distance", "beam/incident_wavelength"])
def test_a_master_of_which_a_part_is_missing_is_waited_for_until_nobody_writes_it(tmp_path, missing):
    master = Master().write(tmp_path / "grid_master.h5", **{missing: (None, None)})
    write_images(master, some_images(1), name="entry/data/data")
    name = missing.partition("/")[2]
    with pytest.raises(ImageNotReady, match=f"has (no )?{name}"):
        opened(master)
    settle(master)
    with pytest.raises(ImageUnreadable, match=f"has (no )?{name}"):
        opened(master)


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
                read(source, number)
            write(image)
            assert np.array_equal(read(source, number), image)
        settle(tmp_path / "live.h5")
        with pytest.raises(ImageNotReady, match="there is no image 4"):
            read(source, 4)


def test_an_image_beyond_the_end_of_a_file_that_grew_is_unreadable(tmp_path, master):
    link(master, "data_000001", "live.h5")
    with live_writer(tmp_path / "live.h5", ("v110", "v110"), swmr=True) as write:
        write(some_images(1)[0])
    settle(tmp_path / "live.h5")
    with pytest.raises(ImageUnreadable, match="there is no image 1"):
        read(opened(master), 1)


def test_images_are_not_ready_while_a_writer_keeps_the_file_to_itself(tmp_path, master):
    images = some_images(2)
    link(master, "data_000001", "live.h5")
    with live_writer(tmp_path / "live.h5", ("v110", "v110")) as write:
        write(images[0])
        settle(tmp_path / "live.h5")
        with pytest.raises(ImageNotReady):
            opened(master)
    assert np.array_equal(read(opened(master), 0), images[0])

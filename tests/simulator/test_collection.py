import subprocess
import sys
from dataclasses import replace

import h5py
import hdf5plugin  # noqa: F401 - registers bitshuffle
import numpy as np
import pytest

from simulator.collection import write_live
from simulator.frames import write_frames
from simulator.live import data_files, keep_pace

FOLLOWER = """
import sys
import h5py, hdf5plugin
for line in sys.stdin:
    path, image = line.split()
    with h5py.File(path, "r", swmr=True, locking=False) as file:
        data = file["data"]
        present = [data.id.get_chunk_info_by_coord((n, 0, 0)).size > 0 for n in range(len(data))]
        print(sum(present), int(data[int(image)].sum()), flush=True)
"""


@pytest.fixture(scope="module")
def frames(tmp_path_factory, grid):
    path = tmp_path_factory.mktemp("frames") / "grid.h5"
    write_frames(grid, path)
    return path


@pytest.fixture
def master(tmp_path):
    return tmp_path / "grid_1_master.h5"


def test_another_process_reads_each_image_as_soon_as_it_is_written(grid, frames, master):
    make = grid.prepare()
    seen = []
    with subprocess.Popen([sys.executable, "-c", FOLLOWER], stdin=-1, stdout=-1, text=True) as follower:

        def look(image):
            number, place = divmod(image, 10)
            follower.stdin.write(f"{master.with_name(f'grid_1_{number + 1:06d}.h5')} {place}\n")
            follower.stdin.flush()
            seen.append(tuple(map(int, follower.stdout.readline().split())))

        write_live(grid, frames, master, images_per_file=10, on_image=look)
        follower.stdin.close()

    assert seen == [(image % 10 + 1, int(make(image).sum())) for image in range(15)]


def test_the_master_comes_first_and_links_what_is_to_come(grid, frames, master):
    def look(path):
        assert not list(path.parent.glob("*_0*.h5"))
        with h5py.File(path) as file:
            assert file["/entry/data/data"].shape == (15, *grid.detector.shape)

    write_live(grid, frames, master, images_per_file=10, on_master=look)

    assert sorted(path.name for path in master.parent.iterdir()) == [
        "grid_1_000001.h5",
        "grid_1_000002.h5",
        "grid_1_master.h5",
    ]


def test_virtual_dataset_and_links_lead_to_the_images(grid, frames, master):
    write_live(grid, frames, master, images_per_file=10)

    make = grid.prepare()
    with h5py.File(master) as file:
        data = file["/entry/data"]
        assert all(np.array_equal(data["data"][image], make(image)) for image in (0, 9, 10, 14))
        assert (len(data["data_000001"]), len(data["data_000002"])) == (10, 5)
        assert np.array_equal(data["data_000002"][4], make(14))


def test_a_grids_master_says_where_each_image_was_taken(grid, frames, master):
    write_live(grid, frames, master)

    with h5py.File(master) as file:
        axes = file["/entry/sample/transformations"]
        assert axes["sam_x"][:] == pytest.approx((grid.boxes[:, 0] + 0.5) * 0.02)
        assert axes["sam_y"][:] == pytest.approx((grid.boxes[:, 1] + 0.5) * 0.02)
        assert axes["sam_y"].attrs["units"] == b"mm"
        assert chain(file, file["/entry/sample/depends_on"][()]) == ["sam_y", "sam_x", "omega"]
        assert file["/entry/data"].attrs["axes"] == b"sam_x"
        assert file["/entry/data/sam_x"] == axes["sam_x"]


def test_a_rotations_master_has_the_geometry_in_nxmx_units(rotation, tmp_path):
    frames, master = tmp_path / "frames.h5", tmp_path / "rotation_1_master.h5"
    write_frames(rotation, frames)
    write_live(rotation, frames, master)

    with h5py.File(master) as file:
        detector = file["/entry/instrument/detector"]
        assert file["/entry/definition"][()] == b"NXmx"
        assert file["/entry/instrument/beam/incident_wavelength"][()] == rotation.beam.wavelength
        assert detector["distance"][()] == pytest.approx(rotation.detector.distance_mm / 1000)
        assert detector["x_pixel_size"][()] == pytest.approx(75e-6)
        assert (detector["beam_center_x"][()], detector["beam_center_y"][()]) == rotation.detector.beam_centre_px
        assert np.array_equal(detector["pixel_mask"][:], rotation.detector.mask)
        assert file["/entry/data/omega"][:] == pytest.approx([30.0, 30.5, 31.0, 31.5])
        assert chain(file, detector["module/fast_pixel_direction"].name) == [
            "fast_pixel_direction",
            "module_offset",
            "det_z",
        ]


def test_a_collection_of_32_bit_images_says_so(rotation, tmp_path):
    wide = replace(rotation, n_images=1, detector=replace(rotation.detector, bit_depth=32))
    frames, master = tmp_path / "frames.h5", tmp_path / "wide_1_master.h5"
    write_frames(wide, frames)
    write_live(wide, frames, master)

    with h5py.File(master) as file:
        detector = file["/entry/instrument/detector"]
        assert file["/entry/data/data"].dtype == np.uint32
        assert np.array_equal(file["/entry/data/data"][0], wide.prepare()(0))
        assert detector["bit_depth_readout"][()] == 32
        assert detector["saturation_value"][()] == wide.detector.saturation


def test_data_files_are_as_long_as_allowed(master):
    files = data_files(master, 25, 10)

    assert [(path.name, n_images) for path, n_images in files] == [
        ("grid_1_000001.h5", 10),
        ("grid_1_000002.h5", 10),
        ("grid_1_000003.h5", 5),
    ]
    with pytest.raises(ValueError, match="at least one image"):
        data_files(master, 25, 0)


def test_keeping_pace_changes_no_chunk():
    chunks = [b"a", b"b", b"c"]

    assert list(keep_pace(chunks, 1e6)) == list(keep_pace(chunks, None)) == chunks


def chain(file, path):
    """Names of the axes from one to the floor."""
    names = []
    while path not in {b".", "."}:
        names.append(file[path].name.rsplit("/", 1)[1])
        path = file[path].attrs["depends_on"]
    return names

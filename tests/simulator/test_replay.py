import h5py
import hdf5plugin  # noqa: F401 - registers bitshuffle
import numpy as np
import pytest

from simulator.chunks import read_chunk
from simulator.collection import write_live
from simulator.frames import write_frames
from simulator.replay import image_places, replay


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, grid):
    folder = tmp_path_factory.mktemp("recorded")
    write_frames(grid, folder / "frames.h5")
    write_live(grid, folder / "frames.h5", folder / "grid_1_master.h5", images_per_file=6)
    return folder / "grid_1_master.h5"


def chunks(master):
    with h5py.File(master) as file:
        return [read_chunk(dataset, image) for dataset, image in image_places(file)]


def test_a_replay_equals_its_source_chunk_for_chunk(recorded, tmp_path):
    written = []
    replay(recorded, tmp_path / "again_1_master.h5", images_per_file=10, on_image=written.append)

    assert chunks(tmp_path / "again_1_master.h5") == chunks(recorded)
    assert written == list(range(15))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again_1_000001.h5",
        "again_1_000002.h5",
        "again_1_master.h5",
    ]


def test_a_replay_is_readable_through_its_own_master(recorded, tmp_path):
    replay(recorded, tmp_path / "again_1_master.h5")
    recorded_folder = recorded.parent
    with h5py.File(recorded) as old, h5py.File(tmp_path / "again_1_master.h5") as new:
        assert np.array_equal(new["/entry/data/data"][13], old["/entry/data/data"][13])
        assert all(str(recorded_folder) not in source.file_name for source in new["/entry/data/data"].virtual_sources())
        assert "data_000003" not in new["/entry/data"]


def test_a_replay_keeps_the_metadata(recorded, tmp_path):
    replay(recorded, tmp_path / "again_1_master.h5")

    assert metadata(tmp_path / "again_1_master.h5") == metadata(recorded)


def test_a_part_is_replayed_with_its_own_axis_values(recorded, tmp_path, grid):
    replay(recorded, tmp_path / "part_1_master.h5", images=[6, 2, 14])

    assert chunks(tmp_path / "part_1_master.h5") == [chunks(recorded)[image] for image in (6, 2, 14)]
    with h5py.File(tmp_path / "part_1_master.h5") as file:
        assert file["/entry/data/sam_x"][:] == pytest.approx((grid.boxes[[6, 2, 14], 0] + 0.5) * 0.02)
        assert file["/entry/data/sam_x"].attrs["depends_on"] == b"/entry/sample/transformations/omega"


def test_a_source_without_linked_data_files_is_refused(tmp_path):
    with h5py.File(tmp_path / "empty_master.h5", "w") as file:
        file.create_group("/entry/data")

    with pytest.raises(ValueError, match="no data files linked"):
        replay(tmp_path / "empty_master.h5", tmp_path / "again_master.h5")


def metadata(master):
    """Every dataset but the images, and every attribute."""
    found = {}

    def note(name, item):
        if not name.startswith("entry/data/data"):
            value = item[()] if isinstance(item, h5py.Dataset) else b""
            found[name] = (np.asarray(value).tobytes(), {key: np.asarray(v).tobytes() for key, v in item.attrs.items()})

    with h5py.File(master) as file:
        file.visititems(note)
    return found

"""The image of the Jobs: its DIALS reads what detectors write, bitshuffle included."""

import pytest

from simulator.collection import write_live
from simulator.demo import small_grid
from simulator.frames import cached_frames
from tests.images.conftest import TAG, docker

pytestmark = [pytest.mark.containers, pytest.mark.timeout(300)]
IMPORT_AND_FIND = "dials.import grid_1_master.h5 && dials.find_spots imported.expt nproc=1"


@pytest.fixture
def visit(tmp_path):
    """A folder with a simulated grid scan, which everybody may write to."""
    write_live(small_grid(), cached_frames(small_grid(), tmp_path), tmp_path / "grid_1_master.h5")
    tmp_path.chmod(0o777)
    return tmp_path


def find_spots(visit, *options):
    inside = ("--read-only", "--tmpfs=/tmp", f"--volume={visit}:/visit", "--workdir=/visit")
    return docker(
        "run", "--rm", *inside, *options, f"mxmesh/mxmesh-dials:{TAG}", "sh", "-c", IMPORT_AND_FIND, timeout_s=250
    )


def test_dials_finds_the_spots_of_bitshuffle_images(visit):
    done = find_spots(visit)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert (visit / "strong.refl").is_file()


def test_without_the_filters_of_the_image_it_would_not(visit):
    done = find_spots(visit, "--env=HDF5_PLUGIN_PATH=/nowhere")
    assert done.returncode != 0
    assert "strong.refl" not in {file.name for file in visit.iterdir()}

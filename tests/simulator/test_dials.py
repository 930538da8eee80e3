"""DIALS, which knows nothing of the simulator, finds in its images what was put in."""

import json
import os
import subprocess

import hdf5plugin
import pytest

from simulator.collection import write_live
from simulator.crystal import Crystal
from simulator.detector import Detector
from simulator.frames import write_frames
from simulator.rotation import RotationScan
from simulator.sample import Beam

pytestmark = [pytest.mark.dials, pytest.mark.timeout(300)]  # DIALS starts slowly where much else runs


@pytest.fixture
def run_dials(tmp_path):
    """Runs one program of DIALS in an empty directory; Debian's HDF5 finds bitshuffle through the environment."""
    work = tmp_path / "dials"
    work.mkdir()

    def run(*command):
        environment = os.environ | {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH}
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=250
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return work

    return run


def write(scan, master):
    frames = master.with_name("frames.h5")
    write_frames(scan, frames)
    write_live(scan, frames, master)
    return str(master)


def test_dials_indexes_a_rotation_to_the_true_cell(tmp_path, run_dials):
    crystal = Crystal((78.9, 78.9, 37.1, 90, 90, 90), "P43212", d_min=2.8, mosaicity=0.06, scale=600, seed=10)
    detector = Detector(model="500K", distance_mm=120)
    scan = RotationScan(n_images=15, width=1.0, detector=detector, beam=Beam(), crystal=crystal)

    run_dials("dials.import", write(scan, tmp_path / "rotation_1_master.h5"))
    run_dials("dials.find_spots", "imported.expt")
    quick = ("basis_vector_combinations.max_refine=3", "fft3d.reciprocal_space_grid.n_points=128")
    work = run_dials("dials.index", "imported.expt", "strong.refl", "space_group=P43212", *quick)

    indexed = json.loads((work / "indexed.expt").read_text())
    (found,) = indexed["crystal"]
    lengths = sorted(sum(x**2 for x in found[name]) ** 0.5 for name in ("real_space_a", "real_space_b", "real_space_c"))
    assert lengths == pytest.approx([37.1, 78.9, 78.9], rel=2e-3)
    assert indexed["scan"][0]["oscillation"] == [0.0, 1.0]


def test_dials_reads_a_grid_scan_as_stills_of_the_right_geometry(tmp_path, run_dials, grid):
    work = run_dials("dials.import", write(grid, tmp_path / "grid_1_master.h5"))
    work = run_dials("dials.find_spots", "imported.expt", "threshold.algorithm=dispersion", "nproc=1")

    imported = json.loads((work / "imported.expt").read_text())
    (panel,) = imported["detector"][0]["panels"]
    slow, fast = grid.detector.shape
    centre_fast, centre_slow = grid.detector.beam_centre_px
    assert panel["image_size"] == [fast, slow]
    assert panel["mask"] == []
    assert panel["trusted_range"][1] == 65533
    assert panel["origin"] == pytest.approx([-centre_fast * 0.075, centre_slow * 0.075, -grid.detector.distance_mm])
    assert (work / "strong.refl").stat().st_size > 1000

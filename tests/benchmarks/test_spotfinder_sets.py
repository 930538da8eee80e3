import numpy as np
import pytest

from benchmarks.spotfinder.scenes import AIR_MEAN, SOLVENT_MEAN, level_grid
from benchmarks.spotfinder.sets import SETS, SetUnavailableError, collect, load
from services.spotfinder.bitshuffle import decoded
from simulator.background import Scatterer, background
from simulator.crystal import Crystal
from simulator.detector import Detector
from simulator.rotation import RotationScan
from simulator.sample import Beam


@pytest.fixture
def scan():
    crystal = Crystal((78.9, 78.9, 37.1, 90.0, 90.0, 90.0), "P43212", d_min=4)
    detector = Detector(model="500K", distance_mm=140, bit_depth=32)
    return RotationScan(n_images=2, width=0.5, detector=detector, beam=Beam(), crystal=crystal)


def test_a_set_holds_the_images_of_its_scan_as_chunks(scan, tmp_path):
    images = load(collect(scan, tmp_path, lambda _done, _of: None))

    assert len(images.chunks) == 2
    assert np.array_equal(images.mask, scan.detector.mask == 0)
    assert np.array_equal(decoded(images.chunks[1])[images.mask], scan.prepare()(1)[images.mask])


def test_a_set_is_made_once(scan, tmp_path):
    progress = []
    masters = {collect(scan, tmp_path, lambda done, _of: progress.append(done)) for _ in range(2)}

    assert len(masters) == 1
    assert progress == [1, 2]


def test_a_set_that_was_not_finished_leaves_nothing_behind(scan, tmp_path):
    def stop(_master):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        collect(scan, tmp_path, lambda _done, _of: None, on_master=stop)

    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_recorded_images_that_are_not_here_are_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("MXMESH_DATA", str(tmp_path))

    with pytest.raises(SetUnavailableError, match="eiger16m"):
        SETS["eiger-u16"].master()


def test_the_level_of_a_scene_is_its_mean():
    """The means of the scatterers that scenes are made of, computed afresh."""
    grid = level_grid(1.5)
    valid = grid.detector.mask == 0
    air, solvent = (
        background(scatterer, grid.detector, grid.beam.wavelength)[valid].mean()
        for scatterer in (Scatterer.AIR, Scatterer.SOLVENT)
    )

    assert grid.air_level * air + grid.solvent_level * solvent == pytest.approx(1.5, rel=0.01)
    assert (AIR_MEAN["4M"], SOLVENT_MEAN["4M"]) == pytest.approx((air, solvent), rel=0.01)

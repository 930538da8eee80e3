"""The curved PILATUS 12M of Diamond's I23."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks.spotfinder.compare_with_dials import DIALS_PYTHON
from services.spotfinder.images.barrel import SATURATION, Barrel
from tests.spotfinder.cbf_files import write_cbf
from tests.spotfinder.nexus_files import opened

SHAPE = (5071, 2463)
HEADER = """# Detector: PILATUS 12M, S/N 120-0100
# 2023-05-01T10:00:00.000
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.000320 m
# Exposure_time 0.1 s
# Exposure_period 0.1 s
# Count_cutoff 1048575 counts
# Wavelength {wavelength} A
# Detector_distance {distance} m
# Beam_xy ({beam}) pixels
# Start_angle 0.0 deg.
# Angle_increment 0.1 deg."""
GEOMETRIES = [(2.7552, 0.0, "1075, 2594"), (4.5, 0.003, "1230.5, 2587.2")]


def barrel_file(folder, wavelength, distance, beam):
    header = HEADER.format(wavelength=wavelength, distance=distance, beam=beam)
    return write_cbf(folder / "therm_1_0001.cbf", np.zeros(SHAPE, np.int32), header)


@pytest.mark.dials
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_resolutions_are_those_of_dials_all_over_the_detector(tmp_path, geometry):
    path = barrel_file(tmp_path, *geometry)
    x, y = (places.ravel() for places in np.meshgrid(np.linspace(0, 2463, 25), np.linspace(1, 5070, 101)))
    script = str(Path(__file__).with_name("dials_barrel.py"))
    asked = json.dumps(np.column_stack((x, y)).tolist())
    done = subprocess.run([DIALS_PYTHON, script, str(path)], input=asked, capture_output=True, text=True, check=True)
    n_panels, dials = json.loads(done.stdout)
    on_rows = [d is not None for d in dials]
    ours = opened(path).detector.d_spacings(x, y)
    assert (n_panels, sum(on_rows) > 2000) == (24, True)
    assert ours[on_rows] == pytest.approx(np.array([d for d in dials if d is not None]), rel=1e-4)


def test_a_pixel_beside_the_sample_is_at_right_angles_to_the_beam(tmp_path):
    """The cylinder reaches beyond a scattering angle of 90 degrees at one of its ends."""
    detector = opened(barrel_file(tmp_path, *GEOMETRIES[0])).detector
    assert isinstance(detector, Barrel)
    assert detector.saturation == SATURATION
    d = detector.d_spacings(np.array([1075.0, 1075.0]), np.array([2594.0, 1.0]))
    assert d[0] > 500
    assert d[1] == pytest.approx(2.7552 / (2 * np.sin(np.deg2rad(50))), rel=0.02)


def test_a_barrel_without_wavelength_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        Barrel((0.172, 0.172), 0.0, (1075, 2594), 0.0, "Si", 0.32)

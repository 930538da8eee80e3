import numpy as np
import pytest

from simulator.background import ICE_RINGS, Scatterer, background
from simulator.detector import Detector

WAVELENGTH = 0.9795


@pytest.fixture(scope="module")
def detector():
    return Detector(model="1M", distance_mm=60)


def radial_mean(counts, detector, d, width=0.002):
    near = np.abs(1 / detector.d_spacing(WAVELENGTH) - 1 / d) < width / 2
    return counts[near].mean()


def test_ice_is_bright_at_its_rings_and_dark_between(detector):
    counts = background(Scatterer.ICE, detector, WAVELENGTH)

    for d, _ in ICE_RINGS[:5]:
        assert radial_mean(counts, detector, d) > 10 * radial_mean(counts, detector, 3.0)


def test_solvent_is_brightest_near_its_ring(detector):
    counts = background(Scatterer.SOLVENT, detector, WAVELENGTH)

    assert radial_mean(counts, detector, 3.2) > 2 * max(radial_mean(counts, detector, d) for d in (6.0, 2.3))


def test_air_falls_outwards(detector):
    counts = background(Scatterer.AIR, detector, WAVELENGTH)

    assert np.all(np.diff([radial_mean(counts, detector, d) for d in (20, 10, 5, 3)]) < 0)


def test_nothing_but_the_given_fraction_passes_the_beamstop(detector):
    counts = background(Scatterer.AIR, detector, WAVELENGTH)
    fast, slow = (int(centre) for centre in detector.beam_centre_px)
    outside = int(detector.beamstop_mm / detector.pixel_mm) + 3

    assert counts[slow, fast] < 3 * detector.shadow_transmission * counts[slow + outside, fast]

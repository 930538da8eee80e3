import pytest
from hypothesis import settings

from simulator.crystal import Crystal
from simulator.detector import Detector
from simulator.grid import GridScan
from simulator.rotation import RotationScan
from simulator.sample import Beam, Ellipsoid, MountedCrystal

settings.register_profile("kernels", deadline=None)  # the first call of a kernel compiles it
settings.load_profile("kernels")


@pytest.fixture(scope="session")
def detector():
    return Detector(model="500K", distance_mm=140)


@pytest.fixture(scope="session")
def crystal():
    return Crystal((78.9, 78.9, 37.1, 90.0, 90.0, 90.0), "P43212", d_min=3.5, scale=2000)


@pytest.fixture(scope="session")
def grid(detector, crystal):
    """5 x 3 boxes of 20 µm, snaked, a crystal in the middle of the box in column 3 and row 1."""
    mounted = MountedCrystal(crystal, Ellipsoid((3.5, 1.5), (25, 15)))
    return GridScan(steps_x=5, steps_y=3, detector=detector, beam=Beam(), crystals=(mounted,), seed=5)


@pytest.fixture(scope="session")
def rotation(detector, crystal):
    return RotationScan(n_images=4, width=0.5, start=30, detector=detector, beam=Beam(), crystal=crystal, seed=5)

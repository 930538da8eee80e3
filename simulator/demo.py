"""The collections of the demonstration and of checks: small enough for two cores, rich enough for sound results."""

from simulator.crystal import Crystal
from simulator.detector import Detector
from simulator.grid import GridScan
from simulator.rotation import RotationScan
from simulator.sample import Beam, Ellipsoid, MountedCrystal

THAUMATIN = (57.8, 57.8, 150.2, 90.0, 90.0, 90.0)
LYSOZYME = (78.9, 78.9, 37.1, 90.0, 90.0, 90.0)


def demo_grid() -> GridScan:
    """20 x 20 boxes, snaked: a big and a small thaumatin crystal in a loop with a patch of ice."""
    big = Crystal(THAUMATIN, "P41212", d_min=1.9, mosaicity=0.12, wilson_b=24, scale=900, seed=21)
    small = Crystal(THAUMATIN, "P41212", d_min=2.1, mosaicity=0.12, wilson_b=45, scale=900, seed=22)
    return GridScan(
        steps_x=20,
        steps_y=20,
        detector=Detector(model="500K", distance_mm=100),
        beam=Beam(),
        crystals=(
            MountedCrystal(big, Ellipsoid((7.4, 9.2), (85, 45), 25)),
            MountedCrystal(small, Ellipsoid((14.6, 13.1), (42, 26), -50)),
        ),
        loop=Ellipsoid((10, 10.5), (170, 130), 10),
        ice=Ellipsoid((13.5, 6.0), (40, 40)),
    )


def small_grid() -> GridScan:
    """8 x 6 boxes, snaked: one thaumatin crystal."""
    crystal = Crystal(THAUMATIN, "P41212", d_min=2.1, mosaicity=0.15, scale=900, seed=5)
    return GridScan(
        steps_x=8,
        steps_y=6,
        detector=Detector(model="500K", distance_mm=100),
        beam=Beam(),
        crystals=(MountedCrystal(crystal, Ellipsoid((4.6, 2.8), (50, 35), 20)),),
    )


def demo_rotation() -> RotationScan:
    """36 slices of a degree of a lysozyme crystal, across both axes whose absences tell the screw axes."""
    return RotationScan(
        n_images=36,
        width=1.0,
        start=153,
        detector=Detector(model="1M", distance_mm=150),
        beam=Beam(),
        crystal=Crystal(LYSOZYME, "P43212", d_min=3.2, mosaicity=0.06, wilson_b=35, scale=150, seed=10),
    )

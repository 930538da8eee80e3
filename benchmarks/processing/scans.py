"""The rotations that are processed: simulated, so that cell and space group are known."""

from simulator.crystal import Crystal
from simulator.demo import THAUMATIN, demo_rotation
from simulator.detector import Detector
from simulator.rotation import RotationScan
from simulator.sample import Beam

ENANTIOMORPHS = {"P43212": {"P 41 21 2", "P 43 21 2"}, "P41212": {"P 41 21 2", "P 43 21 2"}}
"""Space groups that intensities cannot tell apart, by that of the crystal."""


def thaumatin() -> RotationScan:
    """50 slices of a degree, across the axes whose absences tell the screws: all of c*, most of a*.

    The crystal diffracts beyond the detector: at an edge of its own, noise would decide where the data end.
    """
    return RotationScan(
        n_images=50,
        width=1.0,
        start=82,
        detector=Detector(model="1M", distance_mm=150),
        beam=Beam(),
        crystal=Crystal(THAUMATIN, "P41212", d_min=2.7, mosaicity=0.06, wilson_b=35, scale=150, seed=12),
    )


SCANS = {"lysozyme": demo_rotation, "thaumatin": thaumatin}

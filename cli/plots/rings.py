"""Rings of equal resolution on a detector: which to draw, how large, and where to label them. Pure."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.barrel import Barrel
from services.spotfinder.resolution import Detector

ROUND_ANGSTROM: Final = (
    2,
    4,
    10,
    1,
    3,
    1.5,
    20,
    6,
    2.5,
    1.2,
    5,
    1.8,
    3.5,
    8,
    30,
    50,
    0.8,
    1.6,
    0.9,
    1.4,
    0.7,
    0.6,
    0.5,
)
"""Resolutions that are easy to think in, the easiest first."""
CLOSEST: Final = 0.1
"""Least distance of two rings, and of a ring from the beam, as a fraction of the largest radius."""
MARGIN: Final = 0.035
"""Least distance of a label from the edge, as a fraction of the image."""
LABEL_ANGLES_DEG: Final = (-45, -135, 45, 135, -20, -70, 20, 70, -110, -160, 110, 160, 0, 90, 180, -90)
"""Where on a ring to label it, the best first; from the fast towards the slow direction."""


class Ring(NamedTuple):
    """One ring.

    Attributes:
        d: resolution [Å].
        width, height: its diameter along fast and slow [px].
        label: where it says its resolution, fast and slow [px].
    """

    d: float
    width: float
    height: float
    label: tuple[float, float]


def radii_mm(detector: Detector, d: NDArray[np.float64], largest_mm: float) -> NDArray[np.float64]:
    """How far from the beam a resolution [Å] is found [mm], parallax included; nan beyond ``largest_mm``."""
    r_mm = np.linspace(0, largest_mm, 4096)
    x, y = detector.beam_centre_px
    known = detector.d_spacings(x + r_mm / detector.pixel_size_mm[0], np.full(r_mm.size, y))
    return np.interp(1 / d, 1 / known, r_mm, right=np.nan)


def choose_rings(detector: Detector, shape: tuple[int, int]) -> list[Ring]:
    """Rings to draw on an image of this shape, ``[slow, fast]``: of round resolutions, apart, seen in the image.

    There are none on a curved detector, where equal resolution makes no ellipses.
    """
    if isinstance(detector, Barrel):
        return []
    largest_mm = _largest_radius_mm(detector, shape)
    radii = radii_mm(detector, np.array(ROUND_ANGSTROM, np.float64), largest_mm)
    rings: list[Ring] = []
    drawn = [0.0]
    for d, radius in zip(ROUND_ANGSTROM, radii, strict=True):
        label = _label(detector, float(radius), shape)
        if label and all(abs(radius - other) >= CLOSEST * largest_mm for other in drawn):
            drawn.append(float(radius))
            width, height = (float(2 * radius / size) for size in detector.pixel_size_mm)
            rings.append(Ring(d, width, height, label))
    return rings


def _largest_radius_mm(detector: Detector, shape: tuple[int, int]) -> float:
    """From the beam to the farthest corner."""
    (x, y), (size_x, size_y) = detector.beam_centre_px, detector.pixel_size_mm
    corners = product((0, shape[1]), (0, shape[0]))
    return max(math.hypot((corner_x - x) * size_x, (corner_y - y) * size_y) for corner_x, corner_y in corners)


def _label(detector: Detector, radius_mm: float, shape: tuple[int, int]) -> tuple[float, float] | None:
    """The best place for a ring's label, fast and slow [px]; None if the ring is not seen in the image."""
    return next((place for place in _places(detector, radius_mm) if _is_inside(place, shape)), None)


def _places(detector: Detector, radius_mm: float) -> Iterator[tuple[float, float]]:
    (x, y), (size_x, size_y) = detector.beam_centre_px, detector.pixel_size_mm
    for angle in map(math.radians, LABEL_ANGLES_DEG):
        yield x + radius_mm * math.cos(angle) / size_x, y + radius_mm * math.sin(angle) / size_y


def _is_inside(place: tuple[float, float], shape: tuple[int, int]) -> bool:
    """Whether a place is in the image and not at its edge; nan is nowhere."""
    return all(MARGIN * n <= at <= (1 - MARGIN) * n for at, n in zip(place, reversed(shape), strict=True))

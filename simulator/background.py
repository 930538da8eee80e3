"""What scatters besides the crystal: air, solvent and ice, as expected counts for each pixel."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from simulator.detector import Detector
from simulator.prediction import polarisation

ICE_RINGS = (
    (3.897, 1.0),
    (3.669, 0.8),
    (3.441, 0.6),
    (2.671, 0.35),
    (2.249, 0.5),
    (2.072, 0.4),
    (1.948, 0.35),
    (1.918, 0.25),
    (1.883, 0.15),
    (1.721, 0.1),
)
"""d [Å] and relative height of hexagonal ice's rings. Source: spacings as in Kumai (1968), J. Glaciol. 7, 95-108."""

ICE_WIDTH = 0.0015
"""Standard deviation of a ring [1/Å]."""


class Scatterer(StrEnum):
    """A part of the background that can be more or less in the beam."""

    AIR = "air"
    SOLVENT = "solvent"
    ICE = "ice"


def background(scatterer: Scatterer, detector: Detector, wavelength: float) -> NDArray[np.float64]:
    """Expected counts per pixel of one scatterer whose radial maximum is about 1, at a wavelength [Å].

    Polarisation, the pixel's solid angle and the beamstop's shadow are applied; shape `detector.shape`.
    """
    radial = RADIAL[scatterer](1 / detector.d_spacing(wavelength))
    counts = radial * pixel_polarisation(detector) * np.cos(detector.two_theta) ** 3
    return np.asarray(counts * detector.transmission)


def air(inverse_d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Air and everything else on the beam's way: falls from the centre to a floor."""
    return np.asarray(np.exp(-inverse_d / 0.07) + 0.04)


def solvent(inverse_d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amorphous water: the diffuse ring near 3.2 Å and its weaker second near 2 Å."""
    first = np.exp(-(((inverse_d - 0.31) / 0.065) ** 2))
    return np.asarray(first + 0.35 * np.exp(-(((inverse_d - 0.49) / 0.12) ** 2)))


def ice(inverse_d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powder rings of hexagonal ice."""
    rings = np.zeros_like(inverse_d)
    for d, height in ICE_RINGS:
        rings += height * np.exp(-0.5 * ((inverse_d - 1 / d) / ICE_WIDTH) ** 2)
    return rings


def pixel_polarisation(detector: Detector) -> NDArray[np.float64]:
    """Polarisation factor in the direction of each pixel. Shape `detector.shape`."""
    x, y = np.broadcast_arrays(detector.x_mm, detector.y_mm)
    vectors = np.stack([x, y, np.full(detector.shape, -detector.distance_mm)], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return polarisation(vectors.reshape(-1, 3)).reshape(detector.shape)


RADIAL = {Scatterer.AIR: air, Scatterer.SOLVENT: solvent, Scatterer.ICE: ice}

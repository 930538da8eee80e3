"""Where a pixel lies in reciprocal space: detector, parallax, d spacings, ice rings."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.attenuation import Material, attenuation

Floats = NDArray[np.float64]

NO_SATURATION: Final = 2**31 - 1
ICE_A_ANGSTROM: Final = 4.498
ICE_C_ANGSTROM: Final = 7.338


@dataclass(frozen=True)
class Detector:
    """A flat detector at right angles to the beam, and the wavelength it sees.

    Attributes:
        pixel_size_mm: fast, slow.
        distance_mm: sample to detector.
        beam_centre_px: fast, slow.
        wavelength_angstrom: of the beam.
        sensor_material: what the sensor is made of; None: parallax is not corrected.
        sensor_thickness_mm: of the sensor.
        saturation: pixels with as many counts or more are not trusted [counts].
    """

    pixel_size_mm: tuple[float, float]
    distance_mm: float
    beam_centre_px: tuple[float, float]
    wavelength_angstrom: float
    sensor_material: Material | None
    sensor_thickness_mm: float
    saturation: int = NO_SATURATION

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: if a size is not positive, or nothing is known of the sensor at this wavelength.
        """
        if min(*self.pixel_size_mm, self.distance_mm, self.wavelength_angstrom) <= 0:
            raise ValueError(f"pixel size, distance and wavelength must be positive: {self}")
        if self.sensor_material:
            attenuation(self.sensor_material, self.wavelength_angstrom)

    def d_spacings(self, x: Floats, y: Floats) -> Floats:
        """Resolution [Å] at positions on the detector, fast and slow [px]; infinite in the direct beam."""
        x_mm = (x - self.beam_centre_px[0]) * self.pixel_size_mm[0]
        y_mm = (y - self.beam_centre_px[1]) * self.pixel_size_mm[1]
        x_mm, y_mm = self._without_parallax(x_mm, y_mm)
        two_theta = np.arctan2(np.hypot(x_mm, y_mm), self.distance_mm)
        with np.errstate(divide="ignore"):
            return np.asarray(self.wavelength_angstrom / (2 * np.sin(two_theta / 2)))

    def _without_parallax(self, x_mm: Floats, y_mm: Floats) -> tuple[Floats, Floats]:
        """Where a ray meets the front of the sensor, from where it is absorbed on average."""
        if self.sensor_material is None:
            return x_mm, y_mm
        path_mm = np.sqrt(x_mm**2 + y_mm**2 + self.distance_mm**2)
        mu = attenuation(self.sensor_material, self.wavelength_angstrom)
        slant_mm = self.sensor_thickness_mm * path_mm / self.distance_mm
        depth_mm = 1 / mu - (slant_mm + 1 / mu) * np.exp(-mu * slant_mm)
        return x_mm - depth_mm * x_mm / path_mm, y_mm - depth_mm * y_mm / path_mm


def in_ice_ring(d: Floats, width: float) -> NDArray[np.bool_]:
    """Which resolutions [Å] lie in a powder ring of hexagonal ice of this full width [1/Å²]."""
    if d.size == 0:
        return np.zeros(0, np.bool_)
    d_star_sq = 1 / d**2
    rings = ice_rings(math.ceil(d_star_sq.max() + width))
    after = np.searchsorted(rings, d_star_sq)
    below, above = rings[np.maximum(after - 1, 0)], rings[np.minimum(after, rings.size - 1)]
    return np.asarray(np.minimum(np.abs(d_star_sq - below), np.abs(above - d_star_sq)) < width / 2)


@lru_cache(maxsize=16)
def ice_rings(limit: int) -> Floats:
    """The rings of hexagonal ice (P6₃/mmc) up to a limit, ascending; all in 1/d² [1/Å²]."""
    highest_h = math.ceil(ICE_A_ANGSTROM * math.sqrt(limit))
    highest_l = math.ceil(ICE_C_ANGSTROM * math.sqrt(limit))
    h, k, l = np.ogrid[-highest_h : highest_h + 1, -highest_h : highest_h + 1, : highest_l + 1]  # noqa: E741 - Miller's
    i = -(h + k)
    on_glide_plane = (h == k) | (k == i) | (i == h)
    d_star_sq = 4 / 3 * (h * h + h * k + k * k) / ICE_A_ANGSTROM**2 + l * l / ICE_C_ANGSTROM**2
    is_present = (d_star_sq > 0) & (d_star_sq <= limit) & ~(on_glide_plane & (l % 2 == 1))
    return np.unique(d_star_sq[is_present].round(12))

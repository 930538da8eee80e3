"""The PILATUS 12M of Diamond's I23: 24 rows of modules on a half cylinder around the sample."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.spotfinder.attenuation import attenuation
from services.spotfinder.resolution import Detector, Floats

SERIAL_NUMBER: Final = "S/N 120-0100"
RADIUS_MM: Final = 250.0
N_ROWS: Final = 24
ROW_PX: Final = 195 + 17  # from a row to the next, slow, with the gap between them
FIRST_DEG: Final = -12.2 + 7.903 / 2  # of the first row around the axis of the cylinder; 90 is straight on
STEP_DEG: Final = 7.903 + 0.441
CORNER_MM: Final = (-184.9, -16.8)  # of a row's first pixel from the point that is nearest to the axis, fast and slow
CENTRE_PX: Final = (1075.0, 2594.0)  # beam centre if the detector is where it belongs, fast and slow
SATURATION: Final = 1_000_000


@dataclass(frozen=True)
class Barrel(Detector):
    """The detector with its rows, flat ones, where DIALS has them.

    ``distance_mm`` is that of the cylinder's axis from the sample, along the beam: about 0.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: if a size is not positive, or nothing is known of the sensor at this wavelength.
        """
        if min(*self.pixel_size_mm, self.wavelength_angstrom) <= 0:
            raise ValueError(f"pixel size and wavelength must be positive: {self}")
        if self.sensor_material:
            attenuation(self.sensor_material, self.wavelength_angstrom)

    def d_spacings(self, x: Floats, y: Floats) -> Floats:
        """Resolution [Å] at positions on the detector, fast and slow [px]; infinite in the direct beam."""
        row = np.clip(y // ROW_PX, 0, N_ROWS - 1)
        angle, nought = np.deg2rad(FIRST_DEG + row * STEP_DEG), np.zeros_like(x)
        fast = np.stack((nought + 1, nought, nought))
        slow = np.stack((nought, np.sin(angle), np.cos(angle)))
        normal = np.stack((nought, -np.cos(angle), np.sin(angle)))
        x_mm = x * self.pixel_size_mm[0] + CORNER_MM[0]
        y_mm = (y - row * ROW_PX) * self.pixel_size_mm[1] + CORNER_MM[1]
        place = self._axis_mm()[:, None] + RADIUS_MM * normal + x_mm * fast + y_mm * slow
        across, up, along = self._at_the_front(place, normal)
        two_theta = np.arctan2(np.hypot(across, up), along)
        with np.errstate(divide="ignore"):
            return np.asarray(self.wavelength_angstrom / (2 * np.sin(two_theta / 2)))

    def _axis_mm(self) -> Floats:
        """The cylinder's axis: fast, slow in the middle, along the beam."""
        moved_px = np.subtract(CENTRE_PX, self.beam_centre_px)
        return np.array((*(moved_px * self.pixel_size_mm), self.distance_mm))

    def _at_the_front(self, place: Floats, normal: Floats) -> Floats:
        """Where rays meet the front of the sensor, from where they are absorbed on average; see ``Detector``."""
        if self.sensor_material is None:
            return place
        ray = place / np.linalg.norm(place, axis=0)
        cosine = np.sum(ray * normal, axis=0)
        mu, slant_mm = attenuation(self.sensor_material, self.wavelength_angstrom), self.sensor_thickness_mm / cosine
        depth_mm = 1 / mu - (slant_mm + 1 / mu) * np.exp(-mu * slant_mm)
        return np.asarray(place - depth_mm * (ray - cosine * normal))

"""Hybrid pixel detectors of the EIGER2 family: modules, gaps, dead pixels, the beamstop's shadow."""

from dataclasses import dataclass
from functools import cached_property
from math import atan2, hypot, sin
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Model = Literal["500K", "1M", "4M", "9M", "16M"]

LAYOUTS: dict[Model, tuple[int, int]] = {"500K": (1, 1), "1M": (1, 2), "4M": (2, 4), "9M": (3, 6), "16M": (4, 8)}
"""Modules along fast and slow."""

MODULE_PX = (1028, 512)
"""Pixels of one module, fast and slow. Source: DECTRIS EIGER2 X user manual."""

GAP_PX = (12, 38)
"""Insensitive pixels between modules, fast and slow. Source: as MODULE_PX."""

GAP_BIT, DEAD_BIT = 1, 2
"""Bits of the NXmx pixel mask: gap between modules, dead pixel."""


@dataclass(frozen=True)
class Detector:
    """A flat detector across the beam, described in the imgCIF frame: the beam runs along -z, x is the rotation axis.

    Fast pixels run along +x, slow pixels along -y.

    Attributes:
        model: layout of the modules.
        distance_mm: from the sample to the sensor's surface.
        beam_offset_px: beam centre minus the middle of the sensor, fast then slow; odd values, so that no
            symmetry of the detector hides a mistake.
        pixel_mm: side of a square pixel.
        sensor_mm: thickness of the silicon, for the parallax.
        beamstop_mm: radius of the beamstop's shadow.
        stem_mm: width of the shadow of the beamstop's stem, which runs upwards.
        shadow_transmission: fraction that reaches the detector in the shadow.
        dead_fraction: of all pixels.
        seed: places the dead pixels.
        bit_depth: of a pixel in the images.
    """

    model: Model = "1M"
    distance_mm: float = 100.0
    beam_offset_px: tuple[float, float] = (14.3, 15.3)
    pixel_mm: float = 0.075
    sensor_mm: float = 0.45
    beamstop_mm: float = 2.0
    stem_mm: float = 1.0
    shadow_transmission: float = 0.02
    dead_fraction: float = 5e-5
    seed: int = 7
    bit_depth: Literal[16, 32] = 16

    def __post_init__(self) -> None:
        if self.model not in LAYOUTS:
            raise ValueError(f"detector model {self.model!r} is none of {', '.join(LAYOUTS)}")
        if self.distance_mm <= 0:
            raise ValueError(f"detector distance must be positive, got {self.distance_mm} mm")

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels, slow then fast."""
        fast, slow = (
            n * module + (n - 1) * gap for n, module, gap in zip(LAYOUTS[self.model], MODULE_PX, GAP_PX, strict=True)
        )
        return slow, fast

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Of the images; its largest value marks a masked pixel."""
        return np.dtype(np.uint16 if self.bit_depth == 16 else np.uint32)  # noqa: PLR2004 - bits

    @property
    def saturation(self) -> int:
        """Largest count that a valid pixel holds."""
        return int(np.iinfo(self.dtype).max) - 2

    @property
    def beam_centre_px(self) -> tuple[float, float]:
        """Where the direct beam hits, fast then slow; a pixel's centre is its index + 0.5."""
        slow, fast = self.shape
        return fast / 2 + self.beam_offset_px[0], slow / 2 + self.beam_offset_px[1]

    @cached_property
    def mask(self) -> NDArray[np.uint32]:
        """NXmx pixel mask: 0 valid, bit 0 gap, bit 1 dead. Shape `shape`."""
        mask = np.zeros(self.shape, np.uint32)
        for axis, (module, gap) in enumerate(zip(MODULE_PX[::-1], GAP_PX[::-1], strict=True)):
            in_gap = np.arange(self.shape[axis]) % (module + gap) >= module
            mask |= np.where(np.expand_dims(in_gap, 1 - axis), GAP_BIT, 0).astype(np.uint32)
        rng = np.random.default_rng(self.seed)
        dead = rng.choice(mask.size, round(self.dead_fraction * mask.size), replace=False)
        mask.ravel()[dead] |= DEAD_BIT
        return mask

    @cached_property
    def x_mm(self) -> NDArray[np.float64]:
        """Of the pixels' centres from the beam, along +x. Shape (1, fast)."""
        return (np.arange(self.shape[1], dtype=np.float64) + 0.5 - self.beam_centre_px[0])[None, :] * self.pixel_mm

    @cached_property
    def y_mm(self) -> NDArray[np.float64]:
        """Of the pixels' centres from the beam, along +y (up). Shape (slow, 1)."""
        return (self.beam_centre_px[1] - np.arange(self.shape[0], dtype=np.float64) - 0.5)[:, None] * self.pixel_mm

    @cached_property
    def radius_mm(self) -> NDArray[np.float64]:
        """Distance of the pixels' centres from the beam. Shape `shape`."""
        return np.asarray(np.hypot(self.x_mm, self.y_mm))

    @cached_property
    def two_theta(self) -> NDArray[np.float64]:
        """Scattering angle of the pixels' centres [radians]. Shape `shape`."""
        return np.asarray(np.arctan2(self.radius_mm, self.distance_mm))

    @cached_property
    def transmission(self) -> NDArray[np.float64]:
        """Fraction of the scattered photons that passes beamstop and stem. Shape `shape`."""
        stem = (np.abs(self.x_mm) < self.stem_mm / 2) & (self.y_mm > 0)
        return np.where(stem | (self.radius_mm < self.beamstop_mm), self.shadow_transmission, 1.0)

    def d_spacing(self, wavelength: float) -> NDArray[np.float64]:
        """Bragg's d of each pixel's centre [Å] at a wavelength [Å]. Shape `shape`."""
        return wavelength / (2 * np.sin(self.two_theta / 2))

    def highest_resolution(self, wavelength: float) -> float:
        """Smallest d that meets the detector at a wavelength [Å], in its farthest corner [Å]."""
        (slow, fast), (x, y) = self.shape, self.beam_centre_px
        corner_mm = self.pixel_mm * hypot(max(x, fast - x), max(y, slow - y))
        return wavelength / (2 * sin(atan2(corner_mm, self.distance_mm) / 2))

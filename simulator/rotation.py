"""Rotations: one crystal turned through the beam in slices, with the imperfections of a real measurement."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.background import Scatterer, background
from simulator.crystal import Crystal, UnitCell
from simulator.detector import Detector
from simulator.exposures import expected_counts, expose, rotation_slice
from simulator.prediction import Events, predict_events
from simulator.sample import Beam
from simulator.scans import Axis, Exposer, image_rng


class RotationTruth(NamedTuple):
    """Cell and space group that perfect processing of a rotation would find."""

    cell: UnitCell
    space_group: str


@dataclass(frozen=True, kw_only=True)
class Imperfections:
    """Why the same reflection is never measured twice alike; standard deviations.

    Attributes:
        position_px: of a spot, along fast and slow.
        angle: of an event [degrees].
        intensity: of an event, as a fraction.
        half_life: rotation after which radiation damage has halved all intensities [degrees].
    """

    position_px: float = 0.15
    angle: float = 0.005
    intensity: float = 0.03
    half_life: float = 300.0

    def disturb(self, events: Events, rng: np.random.Generator) -> Events:
        """Moves and scales each event by chance."""
        n = len(events)
        return replace(
            events,
            phi=(events.phi + rng.normal(0, self.angle, n)) % 360,
            fast_px=events.fast_px + rng.normal(0, self.position_px, n),
            slow_px=events.slow_px + rng.normal(0, self.position_px, n),
            intensity=events.intensity * np.maximum(rng.normal(1, self.intensity, n), 0),
        )


@dataclass(frozen=True, kw_only=True)
class RotationScan:
    """A sweep of contiguous slices about the goniometer's axis.

    Attributes:
        n_images: slices.
        width: of a slice [degrees].
        detector, beam: of the beamline.
        crystal: wholly in the beam; its intensities belong to this sweep's speed.
        start: goniometer angle at the beginning of the first slice [degrees].
        exposure_s: of one image.
        imperfections: of beam, goniometer and crystal.
        air_level, solvent_level: background at its radial maximum [counts per pixel].
        seed: of the imperfections and the photon noise.
    """

    n_images: int
    width: float
    detector: Detector
    beam: Beam
    crystal: Crystal
    start: float = 0.0
    exposure_s: float = 0.01
    imperfections: Imperfections = Imperfections()
    air_level: float = 0.5
    solvent_level: float = 0.2
    seed: int = 1

    def __post_init__(self) -> None:
        if self.n_images < 1 or not 0 < self.n_images * self.width <= 360:  # noqa: PLR2004 - a full turn
            raise ValueError(f"{self.n_images} images of {self.width} degrees are not within one turn")

    @property
    def axes(self) -> list[Axis]:
        """The turning goniometer: the beginning of each slice."""
        starts = np.linspace(self.start, self.start + self.n_images * self.width, self.n_images, endpoint=False)
        return [Axis("omega", "rotation", starts, (-1, 0, 0))]

    def prepare(self) -> Exposer:
        """Predicts events and background once."""
        wavelength, spot_px = self.beam.wavelength, self.crystal.spot_px
        rng = np.random.default_rng(self.seed)
        events = self.imperfections.disturb(predict_events(self.crystal, self.detector, wavelength), rng)
        behind = self.air_level * background(Scatterer.AIR, self.detector, wavelength)
        behind += self.solvent_level * background(Scatterer.SOLVENT, self.detector, wavelength)

        def make(image: int) -> NDArray[np.unsignedinteger]:
            decay = 0.5 ** (image * self.width / self.imperfections.half_life)
            part = rotation_slice(events, self.start + image * self.width, self.width, spot_px, decay)
            return expose(expected_counts(behind, [part], self.detector), self.detector, image_rng(self.seed, image))

        return make

    def truth(self) -> RotationTruth:
        """What was put in."""
        return RotationTruth(self.crystal.cell, self.crystal.space_group)

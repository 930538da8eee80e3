"""Grid scans: stills on a raster of boxes over a loop with crystals, and where their centre truly is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from simulator.background import Scatterer, background
from simulator.detector import Detector
from simulator.exposures import expected_counts, expose, still
from simulator.prediction import predict_events
from simulator.sample import Beam, Ellipsoid, MountedCrystal, illuminated
from simulator.scans import Axis, Exposer, image_rng

Floats = NDArray[np.float64]
Point = tuple[float, float]

VISIBLE_COUNTS = 15.0
"""About what the weakest spot found has on a weak background: three strong pixels [photons]."""


class GridTruth(NamedTuple):
    """What a perfect analysis of a grid scan would say.

    Attributes:
        centre_boxes: x, y of the middle of the biggest region, see `biggest_region`.
        region: boxes in that region.
        crystal_centres_boxes: x, y of each crystal.
    """

    centre_boxes: Point
    region: int
    crystal_centres_boxes: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class GridScan:
    """Stills on a raster of boxes, row by row from the grid's corner.

    Attributes:
        steps_x, steps_y: boxes along x (fast) and y.
        detector, beam: of the beamline.
        crystals: what to find.
        loop: the solvent around them.
        ice: a patch of ice.
        box_um: width and height of a box.
        snaked: odd rows are collected backwards.
        exposure_s: of one image.
        duration: of the exposure, see `exposures.still` [degrees].
        omega: goniometer angle [degrees].
        air_level, solvent_level, ice_level: background at its radial maximum, the beam wholly in it [counts per pixel].
        seed: of the photon noise.
    """

    steps_x: int
    steps_y: int
    detector: Detector
    beam: Beam
    crystals: tuple[MountedCrystal, ...]
    loop: Ellipsoid | None = None
    ice: Ellipsoid | None = None
    box_um: tuple[float, float] = (20.0, 20.0)
    snaked: bool = True
    exposure_s: float = 0.01
    duration: float = 0.1
    omega: float = 90.0
    air_level: float = 0.2
    solvent_level: float = 0.25
    ice_level: float = 0.8
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.steps_x, self.steps_y) < 1:
            raise ValueError(f"a grid has at least one box, got {self.steps_x} x {self.steps_y}")

    @property
    def n_images(self) -> int:
        return self.steps_x * self.steps_y

    @property
    def boxes(self) -> NDArray[np.int64]:
        """Column and row of each image in collection order. Shape (n_images, 2)."""
        row, column = np.divmod(np.arange(self.n_images), self.steps_x)
        backwards = self.snaked & (row % 2 == 1)
        return np.stack([np.where(backwards, self.steps_x - 1 - column, column), row], axis=1)

    @property
    def middles(self) -> Floats:
        """Where each image is taken: x, y in boxes from the grid's corner. Shape (n_images, 2)."""
        return self.boxes.astype(float) + 0.5

    @property
    def axes(self) -> list[Axis]:
        """Where each box's middle is, from the grid's corner, on the resting goniometer."""
        middle_mm = self.middles * np.array(self.box_um) / 1000
        return [
            Axis("omega", "rotation", np.array([self.omega]), (-1, 0, 0)),
            Axis("sam_x", "translation", middle_mm[:, 0], (1, 0, 0)),
            Axis("sam_y", "translation", middle_mm[:, 1], (0, 1, 0)),
        ]

    def illumination(self, solid: Ellipsoid | None) -> Floats:
        """How much of a solid each image has in the beam, 0 to 1. Shape (n_images,)."""
        if solid is None:
            return np.zeros(self.n_images)
        return illuminated(solid, self.middles, self.box_um, self.beam)

    def prepare(self) -> Exposer:
        """Predicts events and backgrounds once; a position without crystal costs its photon noise only."""
        wavelength = self.beam.wavelength
        crystals = [
            (mounted.crystal, predict_events(mounted.crystal, self.detector, wavelength), in_beam)
            for mounted, in_beam in zip(self.crystals, self._crystals_in_beam(), strict=True)
        ]
        scatterers = [
            (background(scatterer, self.detector, wavelength), level) for scatterer, level in self._levels().items()
        ]

        def make(image: int) -> NDArray[np.unsignedinteger]:
            parts = [
                still(events, self.omega, self.duration, crystal.spot_px, in_beam[image])
                for crystal, events, in_beam in crystals
                if in_beam[image] > 0
            ]
            behind = np.zeros(self.detector.shape)
            for counts, level in scatterers:
                if level[image] > 0:
                    behind += level[image] * counts
            return expose(expected_counts(behind, parts, self.detector), self.detector, image_rng(self.seed, image))

        return make

    def truth(self) -> GridTruth:
        """The centre that the predicted spots give, without photon noise or spot finding in between.

        Raises:
            ValueError: no crystal meets the beam.
        """
        column, row = self.boxes.T
        scattering = np.zeros((self.steps_y, self.steps_x))
        scattering[row, column] = self._visible_spots()
        region = biggest_region(scattering)
        y, x = np.mean(np.argwhere(region), axis=0) + 0.5
        centres = tuple(mounted.outline.centre_boxes for mounted in self.crystals)
        return GridTruth((float(x), float(y)), int(region.sum()), centres)

    def _visible_spots(self) -> Floats:
        """Spots of each image that stand out from a weak background. Shape (n_images,)."""
        n_spots = np.zeros(self.n_images)
        for mounted, in_beam in zip(self.crystals, self._crystals_in_beam(), strict=True):
            events = predict_events(mounted.crystal, self.detector, self.beam.wavelength)
            whole = still(events, self.omega, self.duration, mounted.crystal.spot_px).counts
            n_spots += np.sum(whole * in_beam[:, None] > VISIBLE_COUNTS, axis=1)
        return n_spots

    def _crystals_in_beam(self) -> list[Floats]:
        return [self.illumination(mounted.outline) for mounted in self.crystals]

    def _levels(self) -> dict[Scatterer, Floats]:
        return {
            Scatterer.AIR: np.full(self.n_images, self.air_level),
            Scatterer.SOLVENT: self.solvent_level * self.illumination(self.loop),
            Scatterer.ICE: self.ice_level * self.illumination(self.ice),
        }


def biggest_region(scattering: Floats) -> NDArray[np.bool_]:
    """The biggest 8-connected region of boxes with at least half of the maximal scattering.

    Args:
        scattering: of each box, shape (steps_y, steps_x).

    Returns:
        Whether a box belongs to it, shape as given.

    Raises:
        ValueError: nothing scatters.
    """
    if scattering.max() <= 0:
        raise ValueError("no crystal meets the beam anywhere on the grid")
    labels, _ = ndimage.label(scattering >= scattering.max() / 2, structure=np.ones((3, 3)))
    return np.asarray(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))

"""Expected counts of one exposure: a slice of a rotation, or a still of several crystals partly in the beam."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from simulator.detector import Detector
from simulator.kernels import count_photons_out, draw_spots_out
from simulator.prediction import MARGIN_PX, Events

Floats = NDArray[np.float64]

REACH_SIGMA = 4.0
"""Events farther than this many standard deviations from the exposure do not contribute."""

FAINT_COUNTS = 0.05
"""Spots below this are not drawn [photons]."""


class Diffraction(NamedTuple):
    """The part of a crystal's events that one exposure records.

    Attributes:
        events: those that contribute.
        counts: recorded of each [photons], shape (len(events),).
        spot_px: standard deviation of the spots' profile [pixels].
    """

    events: Events
    counts: Floats
    spot_px: float


def rotation_slice(events: Events, start: float, width: float, spot_px: float, scale: float = 1.0) -> Diffraction:
    """What a crystal scatters while it turns by `width` from `start` [degrees], times `scale`."""
    from_start = events.from_phi(start + width / 2) + width / 2
    near = np.abs(from_start - width / 2) < width / 2 + REACH_SIGMA * events.sigma
    part, from_start = events[near], from_start[near]
    fraction = ndtr(from_start / part.sigma) - ndtr((from_start - width) / part.sigma)
    return bright(part, scale * part.intensity * fraction, spot_px)


def still(events: Events, angle: float, duration: float, spot_px: float, scale: float = 1.0) -> Diffraction:
    """What a crystal scatters at rest, times `scale`.

    Args:
        events: of a full turn.
        angle: of the goniometer [degrees].
        duration: the exposure as the turn it would make at the speed of the rotation to which the events'
            intensities belong [degrees].
        spot_px: standard deviation of the spots' profile [pixels].
        scale: fraction of the crystal in the beam, and the like.
    """
    distance = events.from_phi(angle) / events.sigma
    near = np.abs(distance) < REACH_SIGMA
    part = events[near]
    density = np.exp(-(distance[near] ** 2) / 2) / (part.sigma * np.sqrt(2 * np.pi))
    return bright(part, scale * duration * part.intensity * density, spot_px)


def bright(events: Events, counts: Floats, spot_px: float) -> Diffraction:
    """Drops the spots that are too faint to draw."""
    visible = counts > FAINT_COUNTS
    return Diffraction(events[visible], counts[visible], spot_px)


def expected_counts(background: Floats, parts: Sequence[Diffraction], detector: Detector) -> Floats:
    """Mean counts per pixel: background (beamstop's shadow applied) plus spots in that shadow. Shape as background."""
    spots = np.zeros_like(background)
    for part in parts:
        events = part.events
        draw_spots_out(spots, events.fast_px, events.slow_px, part.counts, part.spot_px, MARGIN_PX)
    spots *= detector.transmission
    spots += background
    return spots


def expose(expected: Floats, detector: Detector, rng: np.random.Generator) -> NDArray[np.unsignedinteger]:
    """Counts of one exposure as the detector writes them, `detector.shape`; masked pixels hold the type's maximum."""
    image = np.empty(detector.shape, detector.dtype)
    count_photons_out(image, expected, detector.mask, detector.saturation, rng)
    return image

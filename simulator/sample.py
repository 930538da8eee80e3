"""What a grid scan passes over: crystals, loop and ice as ellipsoids, seen by a beam of finite size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.crystal import Crystal

Floats = NDArray[np.float64]

FWHM_PER_SIGMA = 2.3548
"""Full width at half maximum of a normal distribution over its standard deviation."""


@dataclass(frozen=True)
class Ellipsoid:
    """A solid of elliptical outline in the plane of the grid, thickest in its middle.

    Attributes:
        centre_boxes: x, y in boxes from the grid's corner; the first box has its middle at 0.5, 0.5.
        semi_axes_um: along its own x and y.
        angle: of its own x from the grid's x towards y [degrees].
    """

    centre_boxes: tuple[float, float]
    semi_axes_um: tuple[float, float]
    angle: float = 0.0

    def thickness(self, x_um: Floats, y_um: Floats, box_um: tuple[float, float]) -> Floats:
        """Along the beam, over that of the middle: 0 to 1. Any shape.

        Args:
            x_um: from the grid's corner.
            y_um: from the grid's corner.
            box_um: width and height of a box.
        """
        dx, dy = (
            position - centre * box
            for position, centre, box in zip((x_um, y_um), self.centre_boxes, box_um, strict=True)
        )
        cosine, sine = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        u = (dx * cosine + dy * sine) / self.semi_axes_um[0]
        v = (dy * cosine - dx * sine) / self.semi_axes_um[1]
        return np.asarray(np.sqrt(np.maximum(0.0, 1 - u**2 - v**2)))


@dataclass(frozen=True)
class MountedCrystal:
    """A crystal and where it sits."""

    crystal: Crystal
    outline: Ellipsoid


@dataclass(frozen=True)
class Beam:
    """A Gaussian beam.

    Attributes:
        wavelength: [Å].
        size_um: full width at half maximum, horizontally and vertically.
        flux: at the sample [photons/s].
    """

    wavelength: float = 0.9795
    size_um: tuple[float, float] = (20.0, 20.0)
    flux: float = 1e12

    def footprint(self, n: int = 15) -> tuple[Floats, Floats, Floats]:
        """Square lattice over +-2.5 sigma: x and y [µm] of its points, fraction of the beam at each; shape (n, n)."""
        steps = np.linspace(-2.5, 2.5, n)
        u, v = np.meshgrid(steps, steps)
        weight = np.exp(-(u**2 + v**2) / 2)
        horizontal, vertical = (size / FWHM_PER_SIGMA for size in self.size_um)
        return u * horizontal, v * vertical, weight / weight.sum()


def illuminated(solid: Ellipsoid, boxes: Floats, box_um: tuple[float, float], beam: Beam) -> Floats:
    """Mean thickness of a solid in the beam, over that of its middle, with the beam on each position.

    Args:
        solid: what is looked at.
        boxes: x, y of the beam in boxes from the grid's corner; shape (n, 2).
        box_um: width and height of a box.
        beam: its size.

    Returns:
        0 to 1, shape (n,).
    """
    dx_um, dy_um, weight = beam.footprint()
    x_um = boxes[:, 0, None, None] * box_um[0] + dx_um
    y_um = boxes[:, 1, None, None] * box_um[1] + dy_um
    return np.asarray(np.sum(solid.thickness(x_um, y_um, box_um) * weight, axis=(1, 2)))

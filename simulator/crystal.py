"""A crystal: cell, space group, orientation, mosaicity, and intensities that obey Wilson's statistics."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

UnitCell = tuple[float, float, float, float, float, float]
"""a, b, c [Å], alpha, beta, gamma [degrees]."""

D_MAX = 50.0
"""Reflections of larger d [Å] lie behind the beamstop."""


class SpaceGroup(NamedTuple):
    """What a space group does to intensities: which are equal, which are centric, which are absent.

    Attributes:
        fourfold: Laue class 4/mmm, else mmm.
        screw: along an axis only orders that are a multiple of this are present, for a, b, c.
    """

    fourfold: bool
    screw: tuple[int, int, int]


SPACE_GROUPS = {
    "P212121": SpaceGroup(fourfold=False, screw=(2, 2, 2)),
    "P41212": SpaceGroup(fourfold=True, screw=(2, 2, 4)),
    "P43212": SpaceGroup(fourfold=True, screw=(2, 2, 4)),
}
"""Source: International Tables for Crystallography, volume A, reflection conditions of Nos. 19, 92 and 96."""


class Reflections(NamedTuple):
    """Miller indices, shape (n, 3), and full intensities before Lorentz and polarisation [photons], shape (n,)."""

    hkl: NDArray[np.int64]
    intensity: NDArray[np.float64]


@dataclass(frozen=True)
class Crystal:
    """One crystal in one orientation.

    Attributes:
        cell: unit cell.
        space_group: a key of `SPACE_GROUPS`.
        d_min: resolution limit [Å].
        mosaicity: standard deviation of the rocking curve [degrees].
        wilson_b: fall-off of the intensities [Å²].
        scale: mean intensity at low resolution, whole crystal in the beam [photons].
        spot_px: standard deviation of the spots' profile [pixels].
        seed: draws orientation and intensities.
    """

    cell: UnitCell
    space_group: str
    d_min: float
    mosaicity: float = 0.1
    wilson_b: float = 25.0
    scale: float = 1000.0
    spot_px: float = 0.85
    seed: int = 1

    def __post_init__(self) -> None:
        if self.space_group not in SPACE_GROUPS:
            raise ValueError(f"space group {self.space_group!r} is none of {', '.join(SPACE_GROUPS)}")

    @cached_property
    def orientation(self) -> NDArray[np.float64]:
        """U: a rotation drawn evenly from all. Shape (3, 3)."""
        return np.asarray(Rotation.random(random_state=self.seed).as_matrix())

    @cached_property
    def setting(self) -> NDArray[np.float64]:
        """A = U B: Miller indices to reciprocal space in the imgCIF frame [1/Å]. Shape (3, 3)."""
        return self.orientation @ reciprocal_basis(self.cell)

    @cached_property
    def reflections(self) -> Reflections:
        """All reflections between `D_MAX` and d_min that the space group allows."""
        indices, inverse_d_sq = self._indices()
        intensity = self.scale * self._normalised(indices) * protein_shape(np.sqrt(inverse_d_sq))
        return Reflections(indices, intensity * np.exp(-self.wilson_b * inverse_d_sq / 2))

    def _indices(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        limits = [int(edge / self.d_min) + 1 for edge in self.cell[:3]]
        ranges = (np.arange(-limit, limit + 1) for limit in limits)
        hkl = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
        inverse_d_sq = np.sum((hkl @ reciprocal_basis(self.cell).T) ** 2, axis=1)
        seen = (inverse_d_sq > D_MAX**-2) & (inverse_d_sq < self.d_min**-2)
        seen &= ~is_absent(hkl, SPACE_GROUPS[self.space_group])
        return hkl[seen], inverse_d_sq[seen]

    def _normalised(self, hkl: NDArray[np.int64]) -> NDArray[np.float64]:
        """E², equal for symmetry mates: exponential if acentric, chi squared of one degree of freedom if centric.

        Source: Wilson (1949), Acta Cryst. 2, 318-321.
        """
        group, limit = SPACE_GROUPS[self.space_group], int(np.abs(hkl).max()) + 1
        numbers, mate = np.unique(
            asymmetric_unit(hkl, group) @ np.array([limit**2, limit, 1], np.int64), return_inverse=True
        )
        unique = np.stack(np.unravel_index(numbers, (limit, limit, limit)), axis=1)
        rng = np.random.default_rng(self.seed)
        acentric, centric = rng.exponential(size=len(unique)), rng.normal(size=len(unique)) ** 2
        return np.where(is_centric(unique, group), centric, acentric)[mate]


def reciprocal_basis(cell: UnitCell) -> NDArray[np.float64]:
    """B: columns a*, b*, c* [1/Å], with a along x and b in the xy plane. Shape (3, 3)."""
    a, b, c = cell[:3]
    cos_alpha, cos_beta, cos_gamma = (cos(radians(angle)) for angle in cell[3:])
    sin_gamma = sin(radians(cell[5]))
    slant = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    direct = [
        [a, b * cos_gamma, c * cos_beta],
        [0, b * sin_gamma, c * slant],
        [0, 0, c * sqrt(1 - cos_beta**2 - slant**2)],
    ]
    return np.asarray(np.linalg.inv(direct).T)


def is_absent(hkl: NDArray[np.int64], group: SpaceGroup) -> NDArray[np.bool_]:
    """Whether a screw axis extinguishes a reflection. Shape (n, 3) to (n,)."""
    absent = np.zeros(len(hkl), bool)
    for axis, order in enumerate(group.screw):
        others = np.delete(hkl, axis, axis=1)
        absent |= ~others.any(axis=1) & (hkl[:, axis] % order != 0)
    return absent


def asymmetric_unit(hkl: NDArray[np.int64], group: SpaceGroup) -> NDArray[np.int64]:
    """The one mate that stands for all equal intensities (Friedel's law holds). Shape (n, 3) to (n, 3)."""
    positive = np.abs(hkl)
    if group.fourfold:
        positive[:, :2] = np.sort(positive[:, :2], axis=1)[:, ::-1]
    return positive


def is_centric(unique: NDArray[np.int64], group: SpaceGroup) -> NDArray[np.bool_]:
    """Whether a reflection of the asymmetric unit is centric: hk0, h0l, 0kl, and hhl with a fourfold axis."""
    in_zone = ~unique.all(axis=1)
    on_diagonal = group.fourfold & (unique[:, 0] == unique[:, 1])
    return np.asarray(in_zone | on_diagonal)


def protein_shape(inverse_d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean intensity of proteins against 1/d [1/Å]: the dip near 6 Å, the maximum near 4.2 Å; 1 elsewhere.

    Source: the shape of the average protein curve in Popov & Bourenkov (2003), Acta Cryst. D59, 1145-1153, as two
    Gaussians.
    """
    dip = 0.55 * np.exp(-(((inverse_d - 0.16) / 0.04) ** 2))
    maximum = 0.5 * np.exp(-(((inverse_d - 0.24) / 0.05) ** 2))
    return np.asarray(1 - dip + maximum)

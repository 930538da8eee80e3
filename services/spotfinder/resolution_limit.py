"""How far the spots of one image reach: three estimates of its resolution limit, as DIALS defines them."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.kernels.limits import bend_of_ranks, edge_of_empty_shells, furthest_with_signal

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class LimitWithNoise(NamedTuple):
    """A resolution limit [Å], and how far the spots are from the even fall-off it supposes (0 to 1)."""

    d_min: float
    noisiness: float


def estimate_d_min(d: Floats, counts: Floats, is_ice: Flags) -> float | None:
    """Resolution limit [Å] from the fall of ln(I/sigma) with 1/d²; None: nothing to tell it from.

    In shells of equally many spots, a line is put through the strongest tenth and one through the weakest; the limit is
    the highest resolution of the spots below the first, ice and Wilson outliers apart.

    Args:
        d: resolution of the spots [Å].
        counts: their summed counts; the variance of a sum is the sum.
        is_ice: whether they lie in an ice ring.

    Source: DIALS per-image analysis; outliers: Read (1999), Acta Cryst. D55, 1759-1764.
    """
    d_star_sq = 1 / d**2
    furthest = furthest_with_signal(d_star_sq, counts, is_ice, np.sort(d_star_sq), np.argsort(counts, kind="stable"))
    return 1 / math.sqrt(furthest) if furthest else None


def distl_method_1(d: Floats) -> LimitWithNoise:
    """Resolution limit where the spots, ordered by resolution, become rare.

    Of at most 40 spots equally spaced in that order, 1/d³ is plotted against the rank; the limit is the last point that
    hangs nearly as far below the chord as any.

    Args:
        d: resolution of the spots [Å], at least 10.

    Source: Zhang et al. (2006), J. Appl. Cryst. 39, 112-119, section 2.4.4, method 1.
    """
    return LimitWithNoise(*bend_of_ranks(np.sort(d)))


def distl_method_2(d: Floats) -> LimitWithNoise | None:
    """Resolution limit at the first two shells of equal volume with less than 15 % of the innermost shells' spots.

    None if all spots are at one resolution.

    Args:
        d: resolution of the spots [Å], at least 10.

    Source: Zhang et al. (2006), J. Appl. Cryst. 39, 112-119, section 2.4.4, method 2.
    """
    rising = np.sort(d)
    return LimitWithNoise(*edge_of_empty_shells(rising)) if rising[0] < rising[-1] else None

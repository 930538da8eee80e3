"""How far the spots of one image reach: three estimates of its resolution limit, as DIALS defines them."""

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOWEST, HIGHEST = 0.1, 0.9  # percentiles of a shell's intensities that its lines go through
OUTLIER_AMPLITUDE: Final = math.sqrt(-math.log(0.01))  # normalised; one acentric reflection of a hundred is larger


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
    log_signal = np.log(counts) / 2
    is_outlier = np.zeros(d.size, np.bool_)
    weak, strong = [], []
    for shell in _equal_shells(d_star_sq):
        if not (shell & ~is_ice).any():
            continue
        is_outlier[shell] = _wilson_outliers(counts[shell], is_ice[shell])
        members = np.flatnonzero(shell & ~is_outlier & ~is_ice)
        ranked = members[np.argsort(log_signal[members], kind="stable")]
        weak.append(ranked[math.floor(LOWEST * ranked.size)])
        strong.append(ranked[math.floor(HIGHEST * ranked.size)])
    # DIALS pairs the strong spots' intensities with the weak spots' resolutions, and the reverse; so do we, to agree
    slope, intercept = _fit_line(d_star_sq[weak], log_signal[strong])
    if slope == _fit_line(d_star_sq[strong], log_signal[weak])[0]:
        return None
    inside = (log_signal - intercept < slope * d_star_sq) & ~is_outlier & ~is_ice
    return float(d[inside].min()) if inside.any() else None


def _equal_shells(d_star_sq: Floats) -> list[Flags]:
    """Between 5 and 20 shells of about 20 spots or more each; the spot of lowest resolution belongs to none."""
    n_shells = max(min(d_star_sq.size // 20, 20), 5)
    ends = np.floor(np.arange(1, n_shells + 1) * (d_star_sq.size / n_shells) + 0.5).astype(int) - 1
    edges = np.sort(d_star_sq)[np.concatenate(([0], ends))]
    return [(d_star_sq > low) & (d_star_sq <= high) for low, high in pairwise(edges)]


def _wilson_outliers(counts: Floats, is_ice: Flags) -> Flags:
    """Spots too strong for Wilson's distribution about the mean of those that are neither ice nor too strong."""
    is_outlier = np.zeros(counts.size, np.bool_)
    while True:
        mean = counts[~is_outlier & ~is_ice].mean()
        too_strong = ~is_outlier & (np.sqrt(counts) / math.sqrt(mean) >= OUTLIER_AMPLITUDE)
        if not too_strong.any():
            return is_outlier
        is_outlier |= too_strong


def _fit_line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and intercept of the least-squares line; both 0 where none is defined."""
    spread = x.size * (x * x).sum() - x.sum() ** 2
    if x.size == 0 or x.min() == x.max() or spread == 0:
        return 0.0, 0.0
    slope = (x.size * (x * y).sum() - x.sum() * y.sum()) / spread
    return float(slope), float(((x * x).sum() * y.sum() - x.sum() * (x * y).sum()) / spread)


def distl_method_1(d: Floats) -> LimitWithNoise:
    """Resolution limit where the spots, ordered by resolution, become rare.

    Of at most 40 spots equally spaced in that order, 1/d³ is plotted against the rank; the limit is the last point that
    hangs nearly as far below the chord as any.

    Args:
        d: resolution of the spots [Å], at least 10.

    Source: Zhang et al. (2006), J. Appl. Cryst. 39, 112-119, section 2.4.4, method 1.
    """
    step = max(2, math.ceil(d.size / 40))
    chosen = np.sort(d)[::-1][: d.size // step * step : step]
    d_star_cubed = chosen**-3
    slopes = (d_star_cubed[1:] - d_star_cubed[0]) / np.arange(1, chosen.size)
    end = int(np.argmax(slopes[3:])) + 4
    rise = d_star_cubed[end] - d_star_cubed[0]
    rank = np.arange(end)
    gaps = np.abs(rank * rise - end * (d_star_cubed[:end] - d_star_cubed[0])) / math.hypot(rise, end)
    widest = int(np.argmax(gaps))
    wide = np.flatnonzero(gaps > gaps[widest] - gaps.std(ddof=1) / 2)
    last = int(wide.max(initial=widest))
    return LimitWithNoise(float(chosen[last]), _fraction_of_pairs(slopes[:, None] >= slopes[None, :]))


def distl_method_2(d: Floats) -> LimitWithNoise | None:
    """Resolution limit at the first two shells of equal volume with less than 15 % of the innermost shells' spots.

    None if all spots are at one resolution.

    Args:
        d: resolution of the spots [Å], at least 10.

    Source: Zhang et al. (2006), J. Appl. Cryst. 39, 112-119, section 2.4.4, method 2.
    """
    if d.min() == d.max():
        return None
    edges = _equal_volumes(d)
    counts = np.array([((d < d_max) & (d >= d_min)).sum() for d_max, d_min in pairwise(edges)])
    is_empty = counts < 0.15 * (counts[0] + counts[1]) / 2
    empty_pairs = np.flatnonzero(is_empty[:-1] & is_empty[1:])
    limit = int(empty_pairs[0]) if empty_pairs.size else counts.size - 2
    return LimitWithNoise(float(edges[limit + 1]), _fraction_of_pairs(counts[:, None] <= counts[None, :]))


def _equal_volumes(d: Floats) -> list[float]:
    """Edges [Å], falling, of 20 to 40 shells of equal volume, with 25 spots or 5 % in the first where possible."""
    d_star_cubed = np.sort(np.unique(d) ** -3)
    n_first = math.ceil(min(max(25, 0.05 * d_star_cubed.size), 0.25 * d_star_cubed.size))
    innermost, outermost = d_star_cubed[0], d_star_cubed[-1]
    n_shells = math.ceil((outermost - innermost) / (d_star_cubed[n_first] - innermost))
    n_shells = max(min(n_shells, 40), 20)
    step = (outermost - innermost) / n_shells
    return [float(innermost + i * step) ** (-1 / 3) for i in range(n_shells + 1)]


def _fraction_of_pairs(is_wrong: Flags) -> float:
    """Fraction of the pairs i < j for which ``is_wrong[i, j]``."""
    n = len(is_wrong)
    return float(np.triu(is_wrong, 1).sum() / (n * (n - 1) / 2))

"""Resolution limits of one image, from where its spots are and how strong; ``resolution_limit`` says what they mean."""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

LOWEST: Final = 0.1  # percentiles of a shell's intensities that its lines go through
HIGHEST: Final = 0.9
OUTLIER_AMPLITUDE: Final = math.sqrt(-math.log(0.01))  # normalised; one acentric reflection of a hundred is larger
NO_SHELL: Final = -1


@njit(cache=True, nogil=True)
def equal_shells(rising: Floats) -> Floats:
    """Edges of 5 to 20 shells of about 20 values or more each, given all values in rising order."""
    n_shells = max(min(rising.size // 20, 20), 5)
    edges = np.empty(n_shells + 1)
    edges[0] = rising[0]
    for i in range(1, n_shells + 1):
        edges[i] = rising[math.floor(i * (rising.size / n_shells) + 0.5) - 1]
    return edges


@njit(cache=True, nogil=True)
def shell_means(counts: Floats, shells: Indices, is_left_out: Flags, n_shells: int) -> Floats:
    """Mean counts of the spots in each shell; 0 where there are none.

    Args:
        counts: summed counts of the spots.
        shells: which they are in, or ``NO_SHELL``.
        is_left_out: spots that do not count.
    """
    total, n = np.zeros(n_shells), np.zeros(n_shells)
    for k in range(counts.size):
        if shells[k] != NO_SHELL and not is_left_out[k]:
            total[shells[k]] += counts[k]
            n[shells[k]] += 1
    return total / np.maximum(n, 1)


@njit(cache=True, nogil=True)
def mark_outliers(counts: Floats, is_ice: Flags, shells: Indices, n_shells: int, is_outlier: Flags) -> None:
    """Mark spots too strong for Wilson's distribution about the mean of those in their shell that are neither.

    Args:
        counts: summed counts of the spots.
        is_ice: whether they lie in an ice ring; they have no part in the mean.
        shells: which they are in, or ``NO_SHELL``.
        is_outlier: all False before.
    """
    amplitudes, has_changed = np.sqrt(counts), True
    while has_changed:
        means = shell_means(counts, shells, is_ice | is_outlier, n_shells)
        typical, has_changed = np.sqrt(means), False
        for k in range(counts.size):
            shell = shells[k]
            if shell == NO_SHELL or is_outlier[k] or means[shell] == 0:
                continue
            if amplitudes[k] / typical[shell] >= OUTLIER_AMPLITUDE:
                is_outlier[k] = has_changed = True


@njit(cache=True, nogil=True)
def pick_percentiles(by_counts: Indices, shells: Indices, is_left_out: Flags, weak: Indices, strong: Indices) -> None:
    """Find the spots at the percentiles ``LOWEST`` and ``HIGHEST`` of the counts in each shell.

    Args:
        by_counts: the spots, the weakest first.
        shells: which they are in, or ``NO_SHELL``.
        is_left_out: spots that do not count.
        weak, strong: ``[shells]``, untouched for shells without spots that count.
    """
    n, rank = np.zeros(weak.size, np.int64), np.zeros(weak.size, np.int64)
    for k in range(shells.size):
        if not is_left_out[k]:
            n[shells[k]] += 1
    for k in by_counts:
        if is_left_out[k]:
            continue
        shell = shells[k]
        if rank[shell] == math.floor(LOWEST * n[shell]):
            weak[shell] = k
        if rank[shell] == math.floor(HIGHEST * n[shell]):
            strong[shell] = k
        rank[shell] += 1


@njit(cache=True, nogil=True)
def fit_line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and intercept of the least-squares line; both 0 where none is defined."""
    if x.size == 0 or x.min() == x.max():
        return 0.0, 0.0
    spread = x.size * (x * x).sum() - x.sum() ** 2
    if spread == 0:
        return 0.0, 0.0
    slope = (x.size * (x * y).sum() - x.sum() * y.sum()) / spread
    return slope, ((x * x).sum() * y.sum() - x.sum() * (x * y).sum()) / spread


@njit(cache=True, nogil=True)
def furthest_with_signal(d_star_sq: Floats, counts: Floats, is_ice: Flags, rising: Floats, by_counts: Indices) -> float:
    """Highest 1/d² [1/Å²] of the spots below the line through the strongest tenths of shells; 0 if there is none.

    Args:
        d_star_sq: 1/d² of the spots [1/Å²].
        counts: summed counts of the spots; the variance of a sum is the sum.
        is_ice: whether they lie in an ice ring.
        rising: ``d_star_sq`` in rising order.
        by_counts: the spots, the weakest first.
    """
    edges = equal_shells(rising)
    shells = np.searchsorted(edges, d_star_sq) - 1  # the spot of lowest resolution is in no shell
    is_left_out = np.zeros(counts.size, np.bool_)
    mark_outliers(counts, is_ice, shells, edges.size - 1, is_left_out)
    is_left_out |= is_ice
    weak, strong = np.full(edges.size - 1, -1), np.full(edges.size - 1, -1)
    pick_percentiles(by_counts, shells, is_left_out | (shells == NO_SHELL), weak, strong)
    weak, strong = weak[weak >= 0], strong[strong >= 0]
    log_signal = np.log(counts) / 2
    # DIALS pairs the strong spots' intensities with the weak spots' resolutions, and the reverse; so do we, to agree
    slope, intercept = fit_line(d_star_sq[weak], log_signal[strong])
    if slope == fit_line(d_star_sq[strong], log_signal[weak])[0]:
        return 0.0
    furthest = 0.0
    for k in range(counts.size):
        if not is_left_out[k] and log_signal[k] - intercept < slope * d_star_sq[k]:
            furthest = max(furthest, d_star_sq[k])
    return furthest


@njit(cache=True, nogil=True)
def fraction_not_falling(values: Floats) -> float:
    """Fraction of the pairs of which the second value is not less than the first."""
    n = 0
    for i in range(values.size):
        for j in range(i + 1, values.size):
            n += values[i] <= values[j]
    return n / (values.size * (values.size - 1) / 2)


@njit(cache=True, nogil=True)
def bend_of_ranks(rising: Floats) -> tuple[float, float]:
    """Resolution [Å] where 1/d³ bends away from the rank, and the fraction of slopes that do not grow.

    Args:
        rising: resolutions of at least 10 spots, in rising order [Å].
    """
    step = max(2, math.ceil(rising.size / 40))
    chosen = rising[::-1][: rising.size // step * step : step]
    d_star_cubed = (1 / chosen) ** 3
    slopes = (d_star_cubed[1:] - d_star_cubed[0]) / np.arange(1, chosen.size)
    end = np.argmax(slopes[3:]) + 4
    rise = d_star_cubed[end] - d_star_cubed[0]
    gaps = np.abs(np.arange(end) * rise - end * (d_star_cubed[:end] - d_star_cubed[0])) / math.hypot(rise, end)
    last = int(np.argmax(gaps))
    widest, spread = gaps[last], gaps.std() * math.sqrt(end / (end - 1))
    for i in range(last + 1, end):
        if gaps[i] > widest - spread / 2:
            last = i
    return chosen[last], fraction_not_falling(-slopes)


@njit(cache=True, nogil=True)
def equal_volumes(rising: Floats) -> Floats:
    """Edges [Å], falling, of 20 to 40 shells of equal volume, with 25 spots or 5 % in the first where possible.

    The first and the last are exactly the resolutions given: rounding must not decide which spots lie between them.

    Args:
        rising: different resolutions, in rising order [Å].
    """
    n_first = math.ceil(min(max(25, 0.05 * rising.size), 0.25 * rising.size))
    d_star_cubed = rising**-3.0
    innermost, outermost = d_star_cubed[-1], d_star_cubed[0]
    n_shells = math.ceil((outermost - innermost) / (d_star_cubed[-1 - n_first] - innermost))
    n_shells = max(min(n_shells, 40), 20)
    step = (outermost - innermost) / n_shells
    edges: Floats = (innermost + np.arange(n_shells + 1) * step) ** (-1 / 3)
    edges[0], edges[-1] = rising[-1], rising[0]
    return edges


@njit(cache=True, nogil=True)
def edge_of_empty_shells(rising: Floats) -> tuple[float, float]:
    """Resolution [Å] of the first two shells almost without spots, and the fraction of their pairs that do not fall.

    A shell holds its edge of higher resolution and not the other one, so the spot of lowest resolution is in none.

    Args:
        rising: resolutions of at least 10 spots, in rising order, not all the same [Å].
    """
    is_new = np.ones(rising.size, np.bool_)
    is_new[1:] = rising[1:] > rising[:-1]
    edges = equal_volumes(rising[is_new])
    counts = -np.diff(np.searchsorted(rising, edges)).astype(np.float64)
    is_empty = counts < 0.15 * (counts[0] + counts[1]) / 2
    limit = counts.size - 2
    for i in range(counts.size - 2, -1, -1):
        if is_empty[i] and is_empty[i + 1]:
            limit = i
    return edges[limit + 1], fraction_not_falling(counts)

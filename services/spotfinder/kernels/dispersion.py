"""The dispersion test: whether a pixel stands out from the window around it."""

from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from services.spotfinder.pixels import Count

HALF_WIDTH: Final = 3  # the window is 7 x 7 pixels, clipped at the edges of the image
WIDTH: Final = 2 * HALF_WIDTH + 1
WINDOW_SIZE: Final = WIDTH * WIDTH
MAX_COUNT: Final = 1 << 28  # valid pixels have less [counts]: the sum of a window's squares stays below 2**63
POISSON_SIGMA: Final = np.sqrt(2.0 * np.maximum(np.arange(WINDOW_SIZE + 1) - 1, 0))


class Thresholds(NamedTuple):
    """When a pixel is strong; the defaults are those of DIALS."""

    nsigma_b: float = 6.0  # window's variance-to-mean ratio above Poisson's [sigma]
    nsigma_s: float = 3.0  # pixel above its window's mean [sigma]
    min_local: int = 2  # valid pixels a window must have
    global_threshold: float = 0.0  # [counts]; a strong pixel has more


@njit(cache=True, nogil=True)
def exceeds_mean(value: Count, n: int, total: Count, thresholds: Thresholds) -> bool:
    """Whether a pixel exceeds the mean of its window by enough; if it does, then for every lower total, too.

    The arguments are those of ``is_strong``.
    """
    x = float(total)
    return n * float(value) - x > thresholds.nsigma_s * sqrt(x * n)


@njit(cache=True, nogil=True)
def is_strong(value: Count, n: int, total: Count, total_sq: Count, thresholds: Thresholds) -> bool:
    """Whether one pixel stands out from the window around it, itself included.

    The window's variance-to-mean ratio must exceed Poisson's by ``nsigma_b`` sigma and the pixel must exceed the
    window's mean by ``nsigma_s`` sigma; cleared of their divisions, both tests also serve an empty window.

    Args:
        value: the pixel [counts].
        n: number of valid pixels in the window.
        total, total_sq: their sum [counts] and sum of squares [counts²].

    Source: DIALS dispersion threshold; Winter et al. (2018), Acta Cryst. D74, 85-97.
    """
    x = float(total)
    spread = n * float(total_sq) - x * x - x * (n - 1)
    if spread <= x * thresholds.nsigma_b * POISSON_SIGMA[n]:
        return False
    if n < thresholds.min_local or value <= thresholds.global_threshold:
        return False
    return exceeds_mean(value, n, total, thresholds)

"""The dispersion test of candidate pixels on bit planes: a window is 49 bits of each plane, its sums count bits."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.candidates import Words
from services.spotfinder.kernels.dispersion import HALF_WIDTH, WIDTH, Thresholds, exceeds_mean, is_strong
from services.spotfinder.kernels.native import count_ones, lowest_one
from services.spotfinder.kernels.planes import GROUP, HIGH, LOW, RAISED, Planes
from services.spotfinder.pixels import Count, Image

ROW = 0x7F  # the bits of a window's row


@njit(cache=True, nogil=True)
def row_columns(i: int, nx: int) -> np.uint64:
    """Which of the seven pixels around column ``i`` are in the image, the first in the lowest bit."""
    cut_left = max(0, HALF_WIDTH - i)
    cut_right = max(0, i + HALF_WIDTH - nx + 1)
    return np.uint64(ROW >> cut_left << cut_left & ROW >> cut_right)


@njit(cache=True, nogil=True)
def window(planes: Planes, k: int, first: Count, nx: int, columns: np.uint64) -> np.uint64:
    """The window's bits in plane ``k``, row after row.

    Args:
        planes: a bit for each pixel.
        k: which of them.
        first: bit of the window's first pixel.
        nx: pixels in a row.
        columns: which of the row's bits count.
    """
    bits, these = np.uint64(0), np.uint64(columns)
    for row in range(WIDTH):
        at = np.uint64(first + row * nx)
        byte = at >> np.uint64(3)
        two_bytes = np.uint64(planes[k, byte]) | np.uint64(planes[k, byte + np.uint64(1)]) << np.uint64(8)
        bits |= (two_bytes >> (at & np.uint64(7)) & these) << np.uint64(WIDTH * row)
    return bits


@njit(cache=True, nogil=True)
def sum_low(b0: np.uint64, b1: np.uint64, b2: np.uint64, b3: np.uint64) -> tuple[int, int]:
    """Sum [counts] and sum of squares [counts²] of pixels whose four bits these words have.

    The sum of ``v`` is that of ``2^k |b_k|``; ``v²`` is that of ``4^k |b_k|`` and twice ``2^(i + k) |b_i & b_k|``.
    """
    n0, n1, n2, n3 = count_ones(b0), count_ones(b1), count_ones(b2), count_ones(b3)
    pairs = 4 * count_ones(b0 & b1) + 8 * count_ones(b0 & b2) + 16 * (count_ones(b0 & b3) + count_ones(b1 & b2))
    pairs += 32 * count_ones(b1 & b3) + 64 * count_ones(b2 & b3)
    return n0 + 2 * n1 + 4 * n2 + 8 * n3, n0 + 4 * n1 + 16 * n2 + 64 * n3 + pairs


@njit(cache=True, nogil=True)
def sum_high(high: np.uint64, first: Count, nx: int, image: Image) -> tuple[Count, Count]:
    """Sum [counts] and sum of squares [counts²] of a window's pixels that ``high`` names.

    Args:
        high: of the window's 49 bits.
        first: pixel of the window's first bit, perhaps outside the image.
        nx: pixels in a row.
        image: flat [counts].
    """
    total = total_sq = np.int64(0)
    left = np.uint64(high)
    while left:
        k = lowest_one(left)
        left &= left - np.uint64(1)
        value = np.int64(image[first + k // WIDTH * nx + k % WIDTH])
        total += value
        total_sq += value * value
    return total, total_sq


@njit(cache=True, nogil=True)
def least_sum(planes: Planes, first: Count, nx: int, columns: np.uint64) -> Count:
    """At least so many counts are in a window: from two planes only, so it is soon known.

    The arguments are those of ``window``.
    """
    odd, raised = window(planes, 0, first, nx, columns), window(planes, RAISED, first, nx, columns)
    return count_ones(odd | raised) + count_ones(raised)


@njit(cache=True, nogil=True)
def sum_window_of_planes(
    planes: Planes, first: Count, nx: int, columns: np.uint64, margin: int, image: Image
) -> tuple[Count, Count]:
    """Sum [counts] and sum of squares [counts²] of a window's valid pixels.

    Args:
        planes, image: see ``planes.fold``.
        first, nx, columns: see ``window``.
        margin: of the planes [bits].
    """
    high = window(planes, HIGH, first, nx, columns)
    low = ~high
    total, total_sq = sum_low(
        window(planes, 0, first, nx, columns) & low,
        window(planes, 1, first, nx, columns) & low,
        window(planes, 2, first, nx, columns) & low,
        window(planes, 3, first, nx, columns) & low,
    )
    more, more_sq = sum_high(high, first - margin, nx, image)
    return total + more, total_sq + more_sq


@njit(cache=True, nogil=True)
def count_of(planes: Planes, bit: int, pixel: int, image: Image) -> Count:
    """Counts of one pixel, whose bit in the planes is ``bit``."""
    byte, shift = bit // GROUP, bit % GROUP
    if planes[HIGH, byte] >> shift & 1:
        return np.int64(image[pixel])
    value = np.int64(0)
    for k in range(LOW):
        value |= np.int64(planes[k, byte] >> shift & 1) << k
    return value


@njit(cache=True, nogil=True)
def threshold_planes(
    candidates: Words,
    planes: Planes,
    margin: int,
    image: Image,
    n_valid: NDArray[np.uint8],
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong ones of the candidates, ascending, into ``strong``; returns their number.

    Sets their counts in ``image``.

    Args:
        candidates: a bit each, with margins as the planes have.
        planes: see ``planes.fold``.
        margin: of the planes [bits].
        image: [counts].
        n_valid: valid pixels in the window around each pixel.
        thresholds: what strong means.
        strong: flat indices.
    """
    nx, flat = image.shape[1], image.reshape(-1)
    corner = HALF_WIDTH * nx + HALF_WIDTH  # from a window's first pixel to its middle
    n = 0
    for i in range(candidates.size):
        word = candidates[i]
        while word:
            bit = 64 * i + lowest_one(word)
            word &= word - np.uint64(1)
            pixel, first = bit - margin, bit - corner
            row = pixel // nx
            column = pixel - row * nx
            columns = row_columns(column, nx)
            value, m = count_of(planes, bit, pixel, flat), n_valid[row, column]
            if not exceeds_mean(value, m, least_sum(planes, first, nx, columns), thresholds):
                continue
            total, total_sq = sum_window_of_planes(planes, first, nx, columns, margin, flat)
            if is_strong(value, m, total, total_sq, thresholds):
                strong[n], flat[pixel] = pixel, value
                n += 1
    return n

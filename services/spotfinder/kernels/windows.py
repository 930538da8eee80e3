"""The dispersion test of candidate pixels on bit planes: a window is 49 bits of each plane, its sums count bits.

Candidates come side by side, and the windows of three of them share most of their pixels: seven rows of nine, which is
as many bits as a word holds. These are put together once. Two kernels are inlined by force: what a call has to pass,
six words and two arrays, costs a fifth of the time.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.blocks import Bytes
from services.spotfinder.kernels.candidates import ONE, Words
from services.spotfinder.kernels.dispersion import HALF_WIDTH, WIDTH, Thresholds, exceeds_mean, is_strong
from services.spotfinder.kernels.native import count_ones, lowest_one
from services.spotfinder.kernels.planes import HIGH, LOW, Planes
from services.spotfinder.pixels import Count, Image

ROW: Final = 0x7F  # the bits of a window's row
N_WINDOWS: Final = 3  # of a strip
ALL_WINDOWS: Final = np.uint64((1 << N_WINDOWS) - 1)
STRIP_WIDTH: Final = WIDTH + N_WINDOWS - 1
STRIP_ROW: Final = np.uint64((1 << STRIP_WIDTH) - 1)
FIRST_COLUMN: Final = np.uint64(sum(1 << STRIP_WIDTH * row for row in range(WIDTH)))
MIDDLE: Final = HALF_WIDTH * STRIP_WIDTH + HALF_WIDTH  # bit of the pixel that the strip's first window is around


class Strip(NamedTuple):
    """The windows of three pixels side by side: seven rows of nine pixels, a bit each.

    Attributes:
        b0, b1, b2, b3: the four lowest bits of pixels of less than 16 counts.
        high: pixels of 16 counts or more.
        valid: pixels that count.
    """

    b0: np.uint64
    b1: np.uint64
    b2: np.uint64
    b3: np.uint64
    high: np.uint64
    valid: np.uint64


@njit(cache=True, nogil=True)
def row_columns(i: Count, nx: int) -> np.uint64:
    """Which of the seven pixels around column ``i`` are in the image, the first in the lowest bit."""
    cut_left = max(0, HALF_WIDTH - i)
    cut_right = max(0, i + HALF_WIDTH - nx + 1)
    return np.uint64(ROW >> cut_left << cut_left & ROW >> cut_right)


@njit(cache=True, nogil=True)
def strip_row(planes: Planes, k: int, first: np.uint64) -> np.uint64:
    """Nine bits of plane ``k``, from bit ``first``."""
    byte = first >> np.uint64(3)
    two_bytes = np.uint64(planes[k, byte]) | np.uint64(planes[k, byte + ONE]) << np.uint64(8)
    return two_bytes >> (first & np.uint64(7)) & STRIP_ROW


@njit(cache=True, nogil=True, forceinline=True)
def read_strip(planes: Planes, valid: Planes, first: Count, nx: int) -> Strip:
    """Put a strip together.

    Args:
        planes: see ``planes.fold``.
        valid: which pixels count, ``[1, bytes]``, with margins as the planes have.
        first: bit of the strip's first pixel.
        nx: pixels in a row.
    """
    b0 = b1 = b2 = b3 = high = counted = np.uint64(0)
    for row in range(WIDTH):
        at, to = np.uint64(first + row * nx), np.uint64(STRIP_WIDTH * row)
        b0 |= strip_row(planes, 0, at) << to
        b1 |= strip_row(planes, 1, at) << to
        b2 |= strip_row(planes, 2, at) << to
        b3 |= strip_row(planes, 3, at) << to
        high |= strip_row(planes, HIGH, at) << to
        counted |= strip_row(valid, 0, at) << to
    low = ~high
    return Strip(b0 & low, b1 & low, b2 & low, b3 & low, high, counted)


@njit(cache=True, nogil=True)
def cut_window(strip: Strip, k: int, columns: np.uint64) -> Strip:
    """What a strip has of its ``k``-th window.

    Args:
        strip: all its pixels.
        k: 0, 1 or 2.
        columns: which of the window's columns are in the image.
    """
    inside = np.uint64(columns) * FIRST_COLUMN << np.uint64(k)
    return Strip(
        strip.b0 & inside,
        strip.b1 & inside,
        strip.b2 & inside,
        strip.b3 & inside,
        strip.high & inside,
        strip.valid & inside,
    )


@njit(cache=True, nogil=True)
def sum_low(window: Strip) -> int:
    """Sum of pixels of less than 16 counts [counts]: that of ``2^k |b_k|``."""
    return count_ones(window.b0) + 2 * count_ones(window.b1) + 4 * count_ones(window.b2) + 8 * count_ones(window.b3)


@njit(cache=True, nogil=True)
def sum_low_squares(window: Strip) -> int:
    """Sum of squares of pixels of less than 16 counts [counts²].

    That of ``4^k |b_k|``, and twice that of ``2^(i + k) |b_i & b_k|``.
    """
    b0, b1, b2, b3 = window.b0, window.b1, window.b2, window.b3
    squares = count_ones(b0) + 4 * count_ones(b1) + 16 * count_ones(b2) + 64 * count_ones(b3)
    pairs = 4 * count_ones(b0 & b1) + 8 * count_ones(b0 & b2) + 16 * (count_ones(b0 & b3) + count_ones(b1 & b2))
    return squares + pairs + 32 * count_ones(b1 & b3) + 64 * count_ones(b2 & b3)


@njit(cache=True, nogil=True)
def sum_high(high: np.uint64, first: Count, nx: int, image: Image) -> tuple[Count, Count]:
    """Sum [counts] and sum of squares [counts²] of a strip's pixels that ``high`` names.

    Args:
        high: of the strip's 63 bits.
        first: pixel of the strip's first bit, perhaps outside the image.
        nx: pixels in a row.
        image: flat [counts].
    """
    total = total_sq = np.int64(0)
    left = np.uint64(high)
    while left:
        k = lowest_one(left)
        left &= left - ONE
        value = np.int64(image[first + k // STRIP_WIDTH * nx + k % STRIP_WIDTH])
        total += value
        total_sq += value * value
    return total, total_sq


@njit(cache=True, nogil=True)
def count_of(strip: Strip, k: int, pixel: Count, image: Image) -> Count:
    """Counts of the pixel in the middle of the strip's ``k``-th window, at ``pixel`` of the flat image."""
    bit = np.uint64(MIDDLE + k)
    if strip.high >> bit & ONE:
        return np.int64(image[pixel])
    value = strip.b0 >> bit & ONE | (strip.b1 >> bit & ONE) << ONE
    value |= (strip.b2 >> bit & ONE) << np.uint64(2) | (strip.b3 >> bit & ONE) << np.uint64(3)
    return np.int64(value)


@njit(cache=True, nogil=True, forceinline=True)
def strong_count(strip: Strip, k: int, pixel: Count, nx: int, image: Image, thresholds: Thresholds) -> Count:
    """Counts of a pixel if it is strong, else 0; most that are not fail with 16 for each pixel of 16 or more.

    Args:
        strip: its ``k``-th window is the pixel's.
        k: 0, 1 or 2.
        pixel: flat index.
        nx: pixels in a row.
        image: flat; counts of the pixels of 16 or more.
        thresholds: what strong means.
    """
    window = cut_window(strip, k, row_columns(pixel % nx, nx))
    value, n, total = count_of(strip, k, pixel, image), count_ones(window.valid), sum_low(window)
    if not exceeds_mean(value, n, total + (count_ones(window.high) << LOW), thresholds):
        return np.int64(0)
    more, more_sq = sum_high(window.high, pixel - HALF_WIDTH * nx - HALF_WIDTH - k, nx, image)
    if is_strong(value, n, total + more, sum_low_squares(window) + more_sq, thresholds):
        return value
    return np.int64(0)


@njit(cache=True, nogil=True)
def threshold_planes(
    candidates: Words,
    planes: Planes,
    valid: Bytes,
    margin: int,
    image: Image,
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong ones of the candidates, ascending, into ``strong``; returns their number.

    Sets their counts in ``image``.

    Args:
        candidates: a bit each, with margins as the planes have.
        planes: see ``planes.fold``.
        valid: which pixels count, a bit each, with margins as the planes have.
        margin: of the planes [bits].
        image: [counts].
        thresholds: what strong means.
        strong: flat indices.
    """
    nx, flat, counted = image.shape[1], image.reshape(-1), valid.reshape(1, -1)
    corner = HALF_WIDTH * nx + HALF_WIDTH  # from a window's first pixel to its middle
    n = 0
    for i in range(candidates.size):
        word = candidates[i]
        while word:
            shift = np.uint64(lowest_one(word))
            these = word >> shift & ALL_WINDOWS
            word ^= these << shift
            first = 64 * i + np.int64(shift)
            strip = read_strip(planes, counted, first - corner, nx)
            while these:
                k = lowest_one(these)
                these &= these - ONE
                pixel = first + k - margin
                value = strong_count(strip, k, pixel, nx, flat, thresholds)
                if value:
                    strong[n], flat[pixel] = pixel, value
                    n += 1
    return n

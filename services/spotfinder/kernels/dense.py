"""Which pixels stand out from their windows' means, for images with background nearly everywhere.

Row by row: each pixel and its six neighbours in the row are added up, the sums of seven rows are kept, and the test
that a pixel exceeds its window's mean is made on whole numbers of 16 bits, 32 pixels at a time, so that it lets no
strong pixel pass. Which of them are strong, ``threshold_pixels`` then tells exactly, for those that have neighbours to
make a spot with.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.candidates import Words
from services.spotfinder.kernels.dispersion import HALF_WIDTH, MAX_COUNT, WIDTH, WINDOW_SIZE, Thresholds, is_strong
from services.spotfinder.kernels.low import MAX_LOW
from services.spotfinder.kernels.native import lowest_one
from services.spotfinder.kernels.planes import GROUP
from services.spotfinder.pixels import Count, Image

HIGHEST: Final = (
    1337  # 49 times that many counts stay below 2**16; higher ones are summed as this, which is too low only
)
STRIP: Final = 8  # rows whose flags are packed together: they fill whole bytes
SHIFT: Final = 3  # excesses are squared in 16 bits times this power of two, so that those of few counts have some left
PACK: Final = np.uint64(0x0102040810204080)  # times eight bytes of 0 or 1: their bits, in the highest byte

Sums = NDArray[np.uint16]
Flags = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def keep_low(row: Image, limit: Count, kept: Image) -> None:
    """Copy a row [counts], but higher counts as the limit, and those as 0 that no window counts."""
    highest = row.dtype.type(limit)
    for i in range(row.size):
        kept[i] = min(row[i], highest) if row[i] < MAX_COUNT else row.dtype.type(0)


@njit(cache=True, nogil=True)
def add_pairs(row: Image, pairs: Image) -> None:
    """Add up each pixel [counts] and the next."""
    after = row[1:]
    for i in range(pairs.size):
        pairs[i] = row[i] + after[i]


@njit(cache=True, nogil=True)
def replace_row(row: Image, pairs: Image, sums: Sums, windows: Sums) -> None:
    """Take the sums of one row into those of the windows [counts], in place of another's.

    Args:
        row: window ``i`` has the pixels ``row[i : i + WIDTH]``.
        pairs: of pixels of the row.
        sums: of the row that leaves the windows, then of this one, from ``WIDTH`` pixels each.
        windows: to be changed.
    """
    p0, p2, p4, last = pairs, pairs[2:], pairs[4:], row[6:]
    for i in range(windows.size):
        total = np.uint16(np.uint16(p0[i]) + np.uint16(p2[i]) + np.uint16(p4[i]) + np.uint16(last[i]))
        windows[i] += total - sums[i]
        sums[i] = total


@njit(cache=True, nogil=True)
def squared_sigma(nsigma: float) -> np.uint16:
    """The square of a threshold [sigma²], for ``flag_excess``; above 4.57 sigma the threshold stays there."""
    return np.uint16(min(nsigma * nsigma * 4**SHIFT, (2**16 - 1) // WINDOW_SIZE))


@njit(cache=True, nogil=True)
def flag_excess(row: Image, n_valid: Flags, windows: Sums, threshold: np.uint16, flags: Flags) -> None:
    """Flag the pixels of a row that may exceed the means of their windows by enough, or are too high for the sums.

    With n pixels of x counts in its window a pixel of v counts is strong only if n v - x > nsigma sqrt(n x). Both sides
    are squared, divided by 1024 and rounded down; that makes it ``>=``, which is ``>`` of one more.

    Args:
        row: [counts].
        n_valid, windows: number of valid pixels in each window, and their sum [counts].
        threshold: see ``squared_sigma``.
        flags: to be filled.
    """
    limit, widest = row.dtype.type(summed(row)), np.uint16((2**16 - 1) >> SHIFT)
    for i in range(row.size):
        n, x = np.uint16(n_valid[i]), windows[i]
        least, counts = np.uint16(n * threshold), np.uint16(n * np.uint16(row[i]))
        excess = np.uint16(min(np.uint16(max(counts, x) - x), widest) << SHIFT)
        squared = np.uint16((np.uint32(excess) * np.uint32(excess)) >> 16)
        enough = np.uint16((np.uint32(x) * np.uint32(least)) >> 16)
        flags[i] = (np.uint16(squared + np.uint16(counts > x)) > enough) | (row[i] > limit)


@njit(cache=True, nogil=True)
def summed(pixels: Image) -> int:
    """Highest count that is summed as it is; pairs of it fit the pixels' type."""
    return MAX_LOW if pixels.itemsize == 1 else HIGHEST


@njit(cache=True, nogil=True)
def pack(flags: Words, plane: Flags) -> None:
    """Eight flags, each a byte of a word, to a bit each."""
    for i in range(plane.size):
        plane[i] = flags[i] * PACK >> np.uint64(56)


@njit(cache=True, nogil=True)
def find_excess(image: Image, n_valid: Flags, nsigma: float, plane: Flags) -> None:
    """Mark the pixels that may exceed the mean of their windows by ``nsigma`` [sigma].

    Args:
        image: [counts]; invalid pixels are 0. Of bytes, those above ``MAX_LOW`` stand for any count above.
        n_valid: valid pixels in the window around each pixel, ``[slow, fast]``.
        nsigma: the threshold.
        plane: a bit for each pixel, to be filled.
    """
    ny, nx = image.shape
    nothing, row = np.zeros(nx, image.dtype), np.zeros(nx + WIDTH - 1, image.dtype)
    pairs, inner = np.zeros(nx + WIDTH - 3, image.dtype), row[HALF_WIDTH : HALF_WIDTH + nx]
    sums, windows = np.zeros((WIDTH, nx), np.uint16), np.zeros(nx, np.uint16)
    flags = np.zeros(STRIP * nx, np.uint8)
    limit, threshold = summed(image), squared_sigma(nsigma)
    for j in range(-HALF_WIDTH, ny):
        keep_low(image[j + HALF_WIDTH] if j + HALF_WIDTH < ny else nothing, limit, inner)
        add_pairs(row, pairs)
        replace_row(row, pairs, sums[j % WIDTH], windows)
        if j < 0:
            continue
        at = j % STRIP * nx
        flag_excess(image[j], n_valid[j], windows, threshold, flags[at : at + nx])
        if at + nx == flags.size or j + 1 == ny:
            flags[at + nx :] = 0
            first = (j - j % STRIP) * nx // GROUP
            pack(flags.view(np.uint64), plane[first : min(first + nx, plane.size)])


@njit(cache=True, nogil=True)
def sum_window(low: Image, image: Image, j: int, i: int) -> tuple[np.int64, np.int64]:
    """Sum [counts] and sum of squares [counts²] of the window around pixel (j, i), see ``threshold_pixels``."""
    first_row, first = max(0, j - HALF_WIDTH), max(0, i - HALF_WIDTH)
    lows = low[first_row : j + HALF_WIDTH + 1, first : i + HALF_WIDTH + 1]
    counts = image[first_row : j + HALF_WIDTH + 1, first : i + HALF_WIDTH + 1]
    total = total_sq = np.int64(0)
    for y in range(lows.shape[0]):
        for x in range(lows.shape[1]):
            value = np.int64(lows[y, x])
            if value > MAX_LOW:
                value = np.int64(counts[y, x] if counts[y, x] < MAX_COUNT else 0)
            total += value
            total_sq += value * value
    return total, total_sq


@njit(cache=True, nogil=True)
def threshold_pixels(
    candidates: Words,
    margin: int,
    low: Image,
    image: Image,
    n_valid: NDArray[np.uint8],
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong ones of the candidates, ascending, into ``strong``; returns their number.

    Args:
        candidates: a bit each, with ``margin`` [bits] before the first pixel.
        low: [counts], those above ``MAX_LOW`` stand for the ones in ``image``; invalid pixels are 0.
        image: [counts]; those of strong pixels are added to it.
        n_valid: valid pixels in the window around each pixel.
        thresholds: what strong means.
        strong: flat indices.
    """
    nx = low.shape[1]
    n = 0
    for k in range(candidates.size):
        word = candidates[k]
        while word:
            pixel = 64 * k + lowest_one(word) - margin
            word &= word - np.uint64(1)
            j, i = pixel // nx, pixel % nx
            value = np.int64(low[j, i] if low[j, i] <= MAX_LOW else image[j, i])
            total, total_sq = sum_window(low, image, j, i)
            if is_strong(value, n_valid[j, i], total, total_sq, thresholds):
                image[j, i] = value
                strong[n] = pixel
                n += 1
    return n

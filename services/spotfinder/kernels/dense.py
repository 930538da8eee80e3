"""Which pixels stand out from their windows' means, for images with background nearly everywhere.

Row by row: the sums of seven rows are kept for every column, those of seven columns are added up, and the test that a
pixel exceeds its window's mean is made in single precision, 16 pixels at a time, so that it lets no strong pixel pass.
Which of them are strong, ``threshold_pixels`` then tells exactly, for those that have neighbours to make a spot with.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.candidates import Words
from services.spotfinder.kernels.dispersion import HALF_WIDTH, MAX_COUNT, WIDTH, Thresholds, is_strong
from services.spotfinder.kernels.native import lowest_one
from services.spotfinder.kernels.planes import GROUP
from services.spotfinder.pixels import Image

HIGHEST: Final = 1337  # counts that are summed: 49 of them stay below 2**16; without the others a sum is too low only
STRIP: Final = 8  # rows whose flags are packed together: they fill whole bytes
SLACK: Final = 1e-5  # of the limits; single precision loses less than a tenth of it
PACK: Final = np.uint64(0x0102040810204080)  # times eight bytes of 0 or 1: their bits, in the highest byte

Sums = NDArray[np.uint16]
Flags = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def replace_row(new: Image, old: Image, columns: Sums) -> None:
    """Take one row [counts] into the columns' sums, and another one out; high counts are left out."""
    limit = new.dtype.type(min(HIGHEST, (1 << 8 * new.itemsize) - 1))
    for i in range(new.size):
        more = np.uint16(new[i]) if new[i] <= limit else np.uint16(0)
        less = np.uint16(old[i]) if old[i] <= limit else np.uint16(0)
        columns[i] += more - less


@njit(cache=True, nogil=True)
def add_columns(columns: Sums, windows: Sums) -> None:
    """Add up the columns of each window; those of window ``i`` are ``columns[i : i + WIDTH]``."""
    c0, c1, c2, c3, c4, c5, c6 = columns, columns[1:], columns[2:], columns[3:], columns[4:], columns[5:], columns[6:]
    for i in range(windows.size):
        windows[i] = c0[i] + c1[i] + c2[i] + c3[i] + c4[i] + c5[i] + c6[i]


@njit(cache=True, nogil=True)
def flag_excess(row: Image, n_valid: Flags, windows: Sums, limit: np.float32, flags: Flags) -> None:
    """Flag the pixels of a row that may exceed the means of their windows by enough; squared, the test needs no root.

    Args:
        row: [counts].
        n_valid, windows: number of valid pixels in each window, and their sum [counts].
        limit: square of the threshold [sigma²].
        flags: to be filled.
    """
    zero, more = np.float32(0), np.float32(1 + SLACK)
    for i in range(row.size):
        n, x = np.float32(n_valid[i]), np.float32(windows[i])
        excess = n * np.float32(row[i]) * more - x
        flags[i] = (excess > zero) & (excess * excess >= limit * x * n)


@njit(cache=True, nogil=True)
def pack(flags: Words, plane: Flags) -> None:
    """Eight flags, each a byte of a word, to a bit each."""
    for i in range(plane.size):
        plane[i] = flags[i] * PACK >> np.uint64(56)


@njit(cache=True, nogil=True)
def find_excess(image: Image, n_valid: Flags, nsigma: float, plane: Flags) -> None:
    """Mark the pixels that may exceed the mean of their windows by ``nsigma`` [sigma].

    Args:
        image: [counts]; invalid pixels are 0.
        n_valid: valid pixels in the window around each pixel, ``[slow, fast]``.
        nsigma: the threshold.
        plane: a bit for each pixel, to be filled.
    """
    ny, nx = image.shape
    nothing = np.zeros(nx, image.dtype)
    columns, windows = np.zeros(nx + WIDTH - 1, np.uint16), np.zeros(nx, np.uint16)
    inner = columns[HALF_WIDTH : HALF_WIDTH + nx]
    limit = np.float32(nsigma * nsigma * (1 - SLACK))
    flags = np.zeros(STRIP * nx, np.uint8)
    for j in range(-HALF_WIDTH, ny):
        new = image[j + HALF_WIDTH] if j + HALF_WIDTH < ny else nothing
        old = image[j - HALF_WIDTH - 1] if j > HALF_WIDTH else nothing
        replace_row(new, old, inner)
        if j < 0:
            continue
        add_columns(columns, windows)
        at = j % STRIP * nx
        flag_excess(image[j], n_valid[j], windows, limit, flags[at : at + nx])
        if at + nx == flags.size or j + 1 == ny:
            flags[at + nx :] = 0
            first = (j - j % STRIP) * nx // GROUP
            pack(flags.view(np.uint64), plane[first : min(first + nx, plane.size)])


@njit(cache=True, nogil=True)
def sum_window(image: Image, j: int, i: int) -> tuple[np.int64, np.int64]:
    """Sum [counts] and sum of squares [counts²] of the window around pixel (j, i), whose invalid pixels are 0."""
    total = total_sq = np.int64(0)
    for row in image[max(0, j - HALF_WIDTH) : j + HALF_WIDTH + 1]:
        for pixel in row[max(0, i - HALF_WIDTH) : i + HALF_WIDTH + 1]:
            value = np.int64(pixel if pixel < MAX_COUNT else 0)
            total += value
            total_sq += value * value
    return total, total_sq


@njit(cache=True, nogil=True)
def threshold_pixels(
    candidates: Words,
    margin: int,
    image: Image,
    n_valid: NDArray[np.uint8],
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong ones of the candidates, ascending, into ``strong``; returns their number.

    Args:
        candidates: a bit each, with ``margin`` [bits] before the first pixel.
        image: [counts]; invalid pixels are 0.
        n_valid: valid pixels in the window around each pixel.
        thresholds: what strong means.
        strong: flat indices.
    """
    nx = image.shape[1]
    n = 0
    for k in range(candidates.size):
        word = candidates[k]
        while word:
            pixel = 64 * k + lowest_one(word) - margin
            word &= word - np.uint64(1)
            j, i = pixel // nx, pixel % nx
            total, total_sq = sum_window(image, j, i)
            if is_strong(np.int64(image[j, i]), n_valid[j, i], total, total_sq, thresholds):
                strong[n] = pixel
                n += 1
    return n

"""The extended dispersion threshold: whether a pixel stands out from the background around its spot.

The dispersion test on the 7 x 7 window of each pixel marks the surroundings of spots. Eroded, they are what may be
strong; all else is background, and a pixel is strong if it stands out from the background in the 11 x 11 window around
it. All arrays are ``[slow, fast]`` and C-contiguous; pixels are named by their index in the flattened image.

Source: DIALS extended dispersion threshold; Winter et al. (2018), Acta Cryst. D74, 85-97.
"""

from math import sqrt
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.dispersion import HALF_WIDTH, MAX_COUNT, WIDTH, Thresholds
from services.spotfinder.pixels import Image

Mask = NDArray[np.bool_]
Sums = NDArray[np.int64]

EROSION: Final = HALF_WIDTH - 1  # a pixel may be strong if all pixels as near as this have passed the dispersion test
BACKGROUND_HALF_WIDTH: Final = HALF_WIDTH + 2
BACKGROUND_WIDTH: Final = 2 * BACKGROUND_HALF_WIDTH + 1
BLOCK: Final = 64  # pixels of a row looked at together
NEVER: Final = -HALF_WIDTH - 1  # no window reaches so early a row
N, TOTAL, TOTAL_SQ = 0, 1, 2  # rows of the columns' sums: counted pixels, counts, squared counts


@njit(cache=True, nogil=True)
def find_trusted(image: Image, valid: Mask, saturation: int, trusted: Mask) -> None:
    """Mark the valid pixels with fewer counts than ``saturation``."""
    limit = np.uint32(saturation)
    for j in range(image.shape[0]):
        row, is_valid, is_trusted = image[j], valid[j], trusted[j]
        for i in range(row.size):
            is_trusted[i] = is_valid[i] & (np.uint32(row[i]) < limit)


@njit(cache=True, nogil=True)
def add_row(image: Image, counted: Mask, j: int, start: int, sums: Sums, sign: int) -> None:
    """Add the pixels of row ``j`` from ``start`` on to their columns' sums, or take them away (``sign`` -1).

    Args:
        counted: which pixels to add.
        start: first pixel; may lie before the row, as the last may lie after it.
        sums: ``[3, columns]``, see ``N``, ``TOTAL``, ``TOTAL_SQ``.
    """
    ny, nx = image.shape
    if not 0 <= j < ny:
        return
    first, last = max(0, start), min(nx, start + sums.shape[1])
    row, is_counted = image[j, first:last], counted[j, first:last]
    n, total, total_sq = sums[N, first - start :], sums[TOTAL, first - start :], sums[TOTAL_SQ, first - start :]
    for i in range(row.size):
        is_in = is_counted[i] & (row[i] < MAX_COUNT)
        value = np.int64(row[i]) * is_in
        n[i] += sign * is_in
        total[i] += sign * value
        total_sq[i] += sign * value * value


@njit(cache=True, nogil=True)
def sum_columns(image: Image, counted: Mask, j: int, start: int, half_width: int, sums: Sums) -> None:
    """Sum each column of the windows around pixels ``start``, ``start + 1``, ... of row ``j``; see ``add_row``."""
    sums[:] = 0
    for jj in range(j - half_width, j + half_width + 1):
        add_row(image, counted, jj, start - half_width, sums, 1)


@njit(cache=True, nogil=True)
def mark_dispersed(sums: Sums, trusted: Mask, thresholds: Thresholds, dispersed: Mask) -> None:
    """Mark the trusted pixels of a block whose 7 x 7 windows have more dispersion than Poisson's.

    Args:
        sums: of the windows' columns, see ``sum_columns``.
        trusted, dispersed: ``[pixels of the block]``.
    """
    for i in range(trusted.size):
        n = total = total_sq = 0
        for k in range(WIDTH):
            n += sums[N, i + k]
            total += sums[TOTAL, i + k]
            total_sq += sums[TOTAL_SQ, i + k]
        m, x = float(n), float(total)
        spread = m * float(total_sq) - x * x - x * (m - 1)
        limit = x * thresholds.nsigma_b * np.sqrt(2 * max(m - 1, 0.0))
        dispersed[i] = trusted[i] & (n >= thresholds.min_local) & (spread > limit)


@njit(cache=True, nogil=True)
def note_bright(image: Image, trusted: Mask, j: int, lowest: int, last_bright: NDArray[np.int64]) -> None:
    """Note row ``j`` as the last with a bright pixel for each block whose windows reach one there."""
    for block in range(last_bright.size):
        first, last = max(0, block * BLOCK - HALF_WIDTH), (block + 1) * BLOCK + HALF_WIDTH
        row, is_trusted = image[j, first:last], trusted[j, first:last]
        highest = row[0] * is_trusted[0]
        for i in range(row.size):
            highest = max(highest, row[i] * is_trusted[i])
        if highest >= lowest:
            last_bright[block] = j


@njit(cache=True, nogil=True)
def find_dispersed(image: Image, trusted: Mask, lowest: int, thresholds: Thresholds, dispersed: Mask) -> None:
    """Mark the trusted pixels whose 7 x 7 windows, themselves included, have more dispersion than Poisson's.

    Args:
        lowest: no window passes without a pixel of so many counts; a block without is not summed.
    """
    ny, nx = image.shape
    n_blocks = (nx + BLOCK - 1) // BLOCK
    sums = np.empty((n_blocks, 3, BLOCK + WIDTH - 1), np.int64)
    last_bright, last_summed = np.full(n_blocks, NEVER), np.full(n_blocks, NEVER)
    for j in range(-HALF_WIDTH, ny):
        if j + HALF_WIDTH < ny:
            note_bright(image, trusted, j + HALF_WIDTH, lowest, last_bright)
        if j < 0:
            continue
        for block in range(n_blocks):
            start = block * BLOCK
            marked = dispersed[j, start : start + BLOCK]
            if last_bright[block] < j - HALF_WIDTH:
                marked[:] = False
                continue
            if last_summed[block] == j - 1:
                add_row(image, trusted, j + HALF_WIDTH, start - HALF_WIDTH, sums[block], 1)
                add_row(image, trusted, j - HALF_WIDTH - 1, start - HALF_WIDTH, sums[block], -1)
            else:
                sum_columns(image, trusted, j, start, HALF_WIDTH, sums[block])
            last_summed[block] = j
            mark_dispersed(sums[block], trusted[j, start : start + BLOCK], thresholds, marked)


@njit(cache=True, nogil=True)
def find_background(dispersed: Mask, trusted: Mask, background: Mask) -> None:
    """Mark the trusted pixels that have one without dispersion, or not trusted, as near as ``EROSION``."""
    ny, nx = dispersed.shape
    columns = np.empty(nx + 2 * EROSION, np.bool_)  # whether all is dispersed above and below, true beyond the edges
    for j in range(ny):
        columns[:] = True
        for jj in range(max(0, j - EROSION), min(ny, j + EROSION + 1)):
            row = dispersed[jj]
            for i in range(nx):
                columns[EROSION + i] &= row[i]
        is_trusted, is_background = trusted[j], background[j]
        for i in range(nx):
            is_foreground = True
            for k in range(2 * EROSION + 1):
                is_foreground &= columns[i + k]
            is_background[i] = is_trusted[i] & (not is_foreground)


@njit(cache=True, nogil=True)
def is_above_background(value: int, n: int, total: int, thresholds: Thresholds) -> bool:
    """Whether a pixel stands out from ``n`` pixels of background.

    Args:
        value: the pixel [counts].
        n: number of background pixels in its 11 x 11 window; fewer than two are no background.
        total: their sum [counts].
    """
    mean = float(total) / n if n > 1 else 0.0
    return value > thresholds.global_threshold and value >= mean + thresholds.nsigma_s * sqrt(mean)


@njit(cache=True, nogil=True)
def differ(a: Mask, b: Mask) -> bool:
    """Whether two masks of a block differ."""
    found = False
    for i in range(a.size):
        found |= a[i] ^ b[i]
    return found


@njit(cache=True, nogil=True)
def find_above_background(
    image: Image, trusted: Mask, background: Mask, thresholds: Thresholds, strong: NDArray[np.int32]
) -> int:
    """List the trusted pixels outside the background that stand out from it, ascending; returns their number."""
    ny, nx = image.shape
    sums = np.empty((3, BLOCK + BACKGROUND_WIDTH - 1), np.int64)
    n_strong = 0
    for j in range(ny):
        for start in range(0, nx, BLOCK):
            is_trusted, is_background = trusted[j, start : start + BLOCK], background[j, start : start + BLOCK]
            if not differ(is_trusted, is_background):
                continue
            sum_columns(image, background, j, start, BACKGROUND_HALF_WIDTH, sums)
            for i in range(is_trusted.size):
                if is_trusted[i] and not is_background[i]:
                    n = sums[N, i : i + BACKGROUND_WIDTH].sum()
                    total = sums[TOTAL, i : i + BACKGROUND_WIDTH].sum()
                    if is_above_background(image[j, start + i], n, total, thresholds):
                        strong[n_strong] = j * nx + start + i
                        n_strong += 1
    return n_strong


@njit(cache=True, nogil=True)
def threshold_extended(
    image: Image, valid: Mask, saturation: int, lowest: int, thresholds: Thresholds, strong: NDArray[np.int32]
) -> int:
    """List the strong pixels, ascending, into ``strong``; returns their number.

    Args:
        saturation: pixels with so many counts or more are not trusted.
        lowest: see ``find_dispersed``.
    """
    trusted, dispersed = np.empty(image.shape, np.bool_), np.empty(image.shape, np.bool_)
    find_trusted(image, valid, saturation, trusted)
    find_dispersed(image, trusted, lowest, thresholds, dispersed)
    background = np.empty(image.shape, np.bool_)
    find_background(dispersed, trusted, background)
    return find_above_background(image, trusted, background, thresholds, strong)

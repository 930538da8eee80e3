"""Numba kernels of the dispersion spot finder: numbers and arrays in and out, no I/O.

All arrays are ``[slow, fast]`` and C-contiguous. ``image`` is uint8, uint16 or uint32 and ``valid`` (bool) says which
of its pixels count; valid pixels are below ``MAX_COUNT``. Pixels are named by their index in the flattened image.
"""

from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.pixels import Image

HALF_WIDTH: Final = 3  # the window is 7 x 7 pixels, clipped at the edges of the image
WIDTH: Final = 2 * HALF_WIDTH + 1
WINDOW_SIZE: Final = WIDTH * WIDTH
MAX_COUNT: Final = 1 << 28  # the sum of a window's squares stays below 2**63
BLOCK: Final = 64  # pixels looked at together when most of them are dark
POISSON_SIGMA: Final = np.sqrt(2.0 * np.maximum(np.arange(WINDOW_SIZE + 1) - 1, 0))


class Thresholds(NamedTuple):
    """When a pixel is strong; the defaults are those of DIALS."""

    nsigma_b: float = 6.0  # window's variance-to-mean ratio above Poisson's [sigma]
    nsigma_s: float = 3.0  # pixel above its window's mean [sigma]
    min_local: int = 2  # valid pixels a window must have
    global_threshold: float = 0.0  # [counts]; a strong pixel has more


@njit(cache=True, nogil=True)
def is_strong(value: int, n: int, total: int | np.int64, total_sq: int | np.int64, thresholds: Thresholds) -> bool:
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
    return n * float(value) - x > thresholds.nsigma_s * sqrt(x * n)


@njit(cache=True, nogil=True)
def count_valid(valid: NDArray[np.bool_], n_valid: NDArray[np.uint8]) -> None:
    """Count the valid pixels in the window around each pixel, into ``n_valid``."""
    ny, nx = valid.shape
    columns = np.zeros(nx, np.uint8)
    for j in range(-HALF_WIDTH, ny):
        if j + HALF_WIDTH < ny:
            columns += valid[j + HALF_WIDTH]
        if j > HALF_WIDTH:
            columns -= valid[j - HALF_WIDTH - 1]
        if j < 0:
            continue
        for i in range(nx):
            n_valid[j, i] = columns[max(0, i - HALF_WIDTH) : i + HALF_WIDTH + 1].sum()


@njit(cache=True, nogil=True)
def change_valid(valid: NDArray[np.bool_], n_valid: NDArray[np.uint8], pixels: NDArray[np.int32], to: bool) -> None:  # noqa: FBT001 - numba knows no keyword-only arguments
    """Declare pixels valid or invalid that were not so, and keep the window counts true."""
    nx = valid.shape[1]
    for pixel in pixels:
        j, i = pixel // nx, pixel % nx
        valid[j, i] = to
        counts = n_valid[max(0, j - HALF_WIDTH) : j + HALF_WIDTH + 1, max(0, i - HALF_WIDTH) : i + HALF_WIDTH + 1]
        if to:
            counts += np.uint8(1)
        else:
            counts -= np.uint8(1)


@njit(cache=True, nogil=True)
def find_bright(image: Image, valid: NDArray[np.bool_], lowest: int, bright: NDArray[np.int32]) -> int:
    """List the valid pixels of at least ``lowest`` counts, ascending, into ``bright``; returns their number.

    Gives up when ``bright`` is full. The maximum of a block is taken first, without a branch: that becomes vector code.
    """
    ny, nx = image.shape
    n = 0
    for j in range(ny):
        row = image[j]
        for start in range(0, nx, BLOCK):
            block = row[start : start + BLOCK]
            counted = valid[j, start : start + BLOCK]
            highest = block[0] * counted[0]
            for i in range(block.size):
                highest = max(highest, block[i] * counted[i])
            if highest < lowest:
                continue
            for i in range(block.size):
                if block[i] >= lowest and counted[i]:
                    if n == bright.size:
                        return n
                    bright[n] = j * nx + start + i
                    n += 1
    return n


@njit(cache=True, nogil=True)
def sum_window(image: Image, valid: NDArray[np.bool_], n: int, j: int, i: int) -> tuple[np.int64, np.int64]:
    """Sum [counts] and sum of squares [counts²] of the ``n`` valid pixels in the window around pixel (j, i)."""
    ny, nx = image.shape
    total = total_sq = np.int64(0)
    if n == WINDOW_SIZE:
        for jj in range(j - HALF_WIDTH, j + HALF_WIDTH + 1):
            for k in range(WIDTH):
                value = np.int64(image[jj, i - HALF_WIDTH + k])
                total += value
                total_sq += value * value
        return total, total_sq
    for jj in range(max(0, j - HALF_WIDTH), min(ny, j + HALF_WIDTH + 1)):
        for ii in range(max(0, i - HALF_WIDTH), min(nx, i + HALF_WIDTH + 1)):
            if valid[jj, ii]:
                value = np.int64(image[jj, ii])
                total += value
                total_sq += value * value
    return total, total_sq


@njit(cache=True, nogil=True)
def mark_near(
    bright: NDArray[np.int32], nx: int, stamp: int, near: NDArray[np.int32], blocks: NDArray[np.int32]
) -> None:
    """Stamp the columns whose window reaches one of the bright pixels, and the blocks that hold such columns."""
    for pixel in bright:
        i = pixel % nx
        first, last = max(0, i - HALF_WIDTH), min(nx - 1, i + HALF_WIDTH)
        for column in range(first, last + 1):
            near[column] = stamp
        blocks[first // BLOCK] = stamp
        blocks[last // BLOCK] = stamp


@njit(cache=True, nogil=True)
def list_near(near: NDArray[np.int32], blocks: NDArray[np.int32], stamp: int, columns: NDArray[np.int32]) -> int:
    """List the columns that carry this stamp, ascending, into ``columns``; returns their number."""
    n = 0
    for block in range(blocks.size):
        if blocks[block] == stamp:
            for i in range(block * BLOCK, min(near.size, (block + 1) * BLOCK)):
                columns[n] = i
                n += near[i] == stamp
    return n


@njit(cache=True, nogil=True)
def threshold_sparse(
    image: Image,
    valid: NDArray[np.bool_],
    n_valid: NDArray[np.uint8],
    bright: NDArray[np.int32],
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong pixels, ascending, into ``strong``, testing windows with a bright pixel; returns their number."""
    ny, nx = image.shape
    near, blocks, columns = np.zeros(nx, np.int32), np.zeros(nx // BLOCK + 1, np.int32), np.empty(nx + 1, np.int32)
    first, last, n = 0, 0, 0
    for j in range(ny):
        while first < bright.size and bright[first] < (j - HALF_WIDTH) * nx:
            first += 1
        while last < bright.size and bright[last] < (j + HALF_WIDTH + 1) * nx:
            last += 1
        mark_near(bright[first:last], nx, j + 1, near, blocks)
        for i in columns[: list_near(near, blocks, j + 1, columns)]:
            if valid[j, i] and image[j, i] > 0:
                total, total_sq = sum_window(image, valid, n_valid[j, i], j, i)
                if is_strong(image[j, i], n_valid[j, i], total, total_sq, thresholds):
                    strong[n] = j * nx + i
                    n += 1
    return n


@njit(cache=True, nogil=True)
def add_row(sums: NDArray[np.int64], row: Image, valid: NDArray[np.bool_], sign: int) -> None:
    """Add the counts and squared counts of one row to the columns' sums, or take them away (``sign`` -1)."""
    for i in range(row.size):
        value = np.int64(row[i]) if valid[i] else np.int64(0)
        sums[0, i + HALF_WIDTH] += sign * value
        sums[1, i + HALF_WIDTH] += sign * value * value


@njit(cache=True, nogil=True)
def threshold_dense(
    image: Image,
    valid: NDArray[np.bool_],
    n_valid: NDArray[np.uint8],
    thresholds: Thresholds,
    strong: NDArray[np.int32],
) -> int:
    """List the strong pixels, ascending, into ``strong``, testing all windows by running sums; returns their number."""
    ny, nx = image.shape
    sums = np.zeros((2, nx + 2 * HALF_WIDTH), np.int64)  # padded: the window of column i is sums[:, i : i + WIDTH]
    n = 0
    for j in range(-HALF_WIDTH, ny):
        if j + HALF_WIDTH < ny:
            add_row(sums, image[j + HALF_WIDTH], valid[j + HALF_WIDTH], 1)
        if j > HALF_WIDTH:
            add_row(sums, image[j - HALF_WIDTH - 1], valid[j - HALF_WIDTH - 1], -1)
        if j < 0:
            continue
        total, total_sq = sums[0, : WIDTH - 1].sum(), sums[1, : WIDTH - 1].sum()
        for i in range(nx):
            total += sums[0, i + WIDTH - 1]
            total_sq += sums[1, i + WIDTH - 1]
            if valid[j, i] and is_strong(image[j, i], n_valid[j, i], total, total_sq, thresholds):
                strong[n] = j * nx + i
                n += 1
            total -= sums[0, i]
            total_sq -= sums[1, i]
    return n

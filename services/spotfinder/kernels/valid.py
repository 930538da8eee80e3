"""Which pixels count, and how many of them are in the window around each pixel."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.blocks import Bytes
from services.spotfinder.kernels.candidates import Words
from services.spotfinder.kernels.dispersion import HALF_WIDTH, MAX_COUNT, WIDTH
from services.spotfinder.kernels.native import lowest_one
from services.spotfinder.kernels.planes import GROUP, Planes
from services.spotfinder.pixels import Image

Flags = NDArray[np.bool_]
Counts = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def count_valid(valid: Flags, n_valid: Counts) -> None:
    """Count the valid pixels in the window around each pixel, into ``n_valid``."""
    ny, nx = valid.shape
    columns = np.zeros(nx + WIDTH - 1, np.uint8)
    inner = columns[HALF_WIDTH : HALF_WIDTH + nx]
    for j in range(-HALF_WIDTH, ny):
        if j + HALF_WIDTH < ny:
            inner += valid[j + HALF_WIDTH]
        if j > HALF_WIDTH:
            inner -= valid[j - HALF_WIDTH - 1]
        if j >= 0:
            n_valid[j] = 0
            for k in range(WIDTH):
                n_valid[j] += columns[k : k + nx]


@njit(cache=True, nogil=True)
def change_count(n_valid: Counts, pixels: NDArray[np.int32], by: int) -> None:
    """Keep the windows' counts true when these pixels become valid (``by`` 1) or invalid (-1)."""
    nx = n_valid.shape[1]
    for pixel in pixels:
        j, i = pixel // nx, pixel % nx
        n_valid[max(0, j - HALF_WIDTH) : j + HALF_WIDTH + 1, max(0, i - HALF_WIDTH) : i + HALF_WIDTH + 1] += np.uint8(
            by & 255
        )


@njit(cache=True, nogil=True)
def flip(plane: Bytes, margin: int, pixels: NDArray[np.int32]) -> None:
    """Change the bits of these pixels in a plane with a margin of so many bits."""
    for pixel in pixels:
        bit = margin + pixel
        plane[bit // GROUP] ^= np.uint8(1 << bit % GROUP)


@njit(cache=True, nogil=True)
def clear_invalid(image: Image, valid: Flags, saturation: int, uncounted: NDArray[np.int32]) -> int:
    """Set the pixels to 0 that are not valid or saturated; returns how many valid ones no window counts.

    Args:
        image: [counts].
        valid: which pixels are.
        saturation: least count that is not trusted [counts].
        uncounted: flat indices of the valid pixels that are saturated, or have too many counts to be summed, ascending,
            to be filled.
    """
    ny, nx = image.shape
    limit = min(saturation, MAX_COUNT)
    n = 0
    for j in range(ny):
        row, counted = image[j], valid[j]
        highest = image.dtype.type(0)
        for i in range(nx):
            row[i] = row[i] if counted[i] else image.dtype.type(0)
            highest = max(highest, row[i])
        if highest < limit:
            continue
        for i in range(nx):
            if row[i] >= limit:
                uncounted[n] = j * nx + i
                n += 1
                if row[i] >= saturation:
                    row[i] = 0
    return n


@njit(cache=True, nogil=True)
def find_uncounted(high: Words, margin: int, image: Image, limit: int, uncounted: NDArray[np.int32]) -> int:
    """List the pixels of ``limit`` counts or more; returns their number.

    Args:
        high: a bit for each pixel; pixels of ``limit`` are in it.
        margin: of the plane [bits].
        image: flat; counts of the pixels in ``high``.
        limit: least count that is in no sum [counts].
        uncounted: flat indices, ascending, to be filled.
    """
    n = 0
    for k in range(high.size):
        word = high[k]
        while word:
            pixel = 64 * k + lowest_one(word) - margin
            word &= word - np.uint64(1)
            if image[pixel] >= limit:
                uncounted[n] = pixel
                n += 1
    return n


@njit(cache=True, nogil=True)
def clear_pixels(pixels: NDArray[np.int32], margin: int, planes: Planes) -> None:
    """Take pixels, flat indices, out of planes with a bit for each pixel and a margin [bits]."""
    for pixel in pixels:
        bit = pixel + margin
        planes[:, bit // GROUP] &= np.uint8(255 - (1 << bit % GROUP))

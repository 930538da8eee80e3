"""Bit planes of an image: what a window's sums need, a sixth or less of the image's size.

A plane has one bit for each pixel, eight to a byte, the first in the lowest bit; three rows of margin before and after
the image stay zero. ``planes[k]`` is bit ``k`` of the counts for k < 4, ``planes[HIGH]`` tells the pixels of 16 counts
or more, and ``planes[RAISED]`` those of 2 or more. Invalid pixels are zero in all of them.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.bits import has_any, transpose
from services.spotfinder.kernels.blocks import CUT_SHORT, Bytes, inflate, leftover
from services.spotfinder.pixels import Count, Image

LOW: Final = 4  # planes that are kept as they are
HIGH: Final = LOW
RAISED: Final = LOW + 1
N_PLANES: Final = LOW + 2
GROUP: Final = 8  # pixels in a byte of a plane
STRIDE: Final = 64  # bytes looked at together

Planes = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def merge_four(planes: Bytes, merged: Bytes) -> None:
    """Add the bits of four planes, one after the other, to those of ``merged``."""
    n = merged.size
    p0, p1, p2, p3 = planes[:n], planes[n : 2 * n], planes[2 * n : 3 * n], planes[3 * n : 4 * n]
    for i in range(n):
        merged[i] |= p0[i] | p1[i] | p2[i] | p3[i]


@njit(cache=True, nogil=True)
def merge_valid(planes: Bytes, valid: Bytes, merged: Bytes) -> bool:
    """Join four or more planes, one after the other, for the valid pixels; returns whether any has a bit."""
    copy_valid(planes, valid, merged)
    for k in range(0, planes.size, 4 * valid.size):
        merge_four(planes[k : k + 4 * valid.size], merged)
    drop_invalid(merged, valid)
    return has_any(merged)


@njit(cache=True, nogil=True)
def copy_valid(plane: Bytes, valid: Bytes, kept: Bytes) -> None:
    """Keep the bits of the valid pixels."""
    for i in range(kept.size):
        kept[i] = plane[i] & valid[i]


@njit(cache=True, nogil=True)
def drop_invalid(plane: Bytes, valid: Bytes) -> None:
    """Keep only the bits of the valid pixels; copied onto itself, a plane would not become vector code."""
    for i in range(plane.size):
        plane[i] &= valid[i]


@njit(cache=True, nogil=True)
def join(a: Bytes, b: Bytes, c: Bytes, d: Bytes, joined: Bytes) -> None:
    """The bits that any of four planes has."""
    for i in range(joined.size):
        joined[i] = a[i] | b[i] | c[i] | d[i]


@njit(cache=True, nogil=True)
def fold_block(block: Bytes, valid: Bytes, planes: Planes) -> bool:
    """Make planes of the valid pixels of one block; returns whether any has 16 counts or more.

    Args:
        block: its bit planes, one after the other, as many as a pixel has bits.
        valid: which pixels are, a bit each.
        planes: the block's part of the image's planes, ``[N_PLANES, bytes]``.
    """
    n = valid.size
    is_any_high = merge_valid(block[LOW * n :], valid, planes[HIGH])
    for k in range(LOW):
        copy_valid(block[k * n : (k + 1) * n], valid, planes[k])
    join(planes[1], planes[2], planes[3], planes[HIGH], planes[RAISED])
    return is_any_high


@njit(cache=True, nogil=True)
def unfold_group(block: Bytes, n: int, i: int, image: Image) -> None:
    """The counts of the eight pixels in byte ``i`` of a block's planes of ``n`` bytes."""
    image[:] = 0
    for first in range(0, block.size // n, GROUP):
        rows = np.uint64(0)
        for k in range(GROUP):
            rows |= np.uint64(block[(first + k) * n + i]) << np.uint64(8 * k)
        if rows:
            columns = transpose(rows)
            for k in range(GROUP):
                image[k] |= image.dtype.type((columns >> np.uint64(8 * k) & np.uint64(255)) << np.uint64(first))


@njit(cache=True, nogil=True)
def unfold_high(block: Bytes, high: Bytes, image: Image) -> None:
    """The counts of those pixels of a block that are in ``high``, and of their neighbours in the same byte.

    Args:
        block: the block's bit planes.
        high: the pixels, a bit each.
        image: the block's part of the image [counts].
    """
    for start in range(0, high.size, STRIDE):
        if has_any(high[start : start + STRIDE]):
            for i in range(start, min(start + STRIDE, high.size)):
                if high[i]:
                    unfold_group(block, high.size, i, image[GROUP * i : GROUP * (i + 1)])


@njit(cache=True, nogil=True)
def fold(encoded: Bytes, at: Count, block: Bytes, valid: Bytes, margin: int, planes: Planes, image: Image) -> Count:
    """Make planes of a chunk, and note in ``image`` the counts of pixels of 16 or more.

    Args:
        encoded: the chunk.
        at: where its first block begins [bytes].
        block: a buffer of a block's size.
        valid: which pixels are, a bit each, with margins as the planes have.
        margin: of the planes [bytes].
        planes: ``[N_PLANES, bytes]``; the margins are zero.
        image: flat [counts]; only pixels of the plane ``HIGH`` are set.

    Returns:
        where the blocks end [bytes], or what is wrong, see ``inflate``.
    """
    pixels_in_block = block.size // image.itemsize
    n_in_blocks = image.size // GROUP * GROUP
    for first in range(0, n_in_blocks, pixels_in_block):
        n = min(pixels_in_block, n_in_blocks - first)
        these = block[: n * image.itemsize]
        at = inflate(encoded, at, these)
        if at < 0:
            return at
        begin, end = margin + first // GROUP, margin + (first + n) // GROUP
        if fold_block(these, valid[begin:end], planes[:, begin:end]):
            unfold_high(these, planes[HIGH, begin:end], image[first : first + n])
    return fold_leftover(encoded, at, valid, margin, planes, image)


@njit(cache=True, nogil=True)
def fold_leftover(encoded: Bytes, at: Count, valid: Bytes, margin: int, planes: Planes, image: Image) -> Count:
    """Put the pixels after the last block into the planes, see ``fold``."""
    n = image.size % GROUP
    end = at + n * image.itemsize
    if end > encoded.size:
        return CUT_SHORT
    byte = margin + image.size // GROUP
    planes[:, byte] = 0
    for k in range(n):
        if not valid[byte] >> k & 1:
            continue
        value = leftover(encoded, at + k * image.itemsize, image.itemsize)
        for plane in range(LOW):
            planes[plane, byte] |= np.uint8((value >> plane & 1) << k)
        planes[HIGH, byte] |= np.uint8((value >> LOW != 0) << k)
        planes[RAISED, byte] |= np.uint8((value > 1) << k)
        image[image.size - n + k] = value
    return end

"""Bit planes back to pixels."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.bits import transpose
from services.spotfinder.kernels.blocks import CUT_SHORT, Bytes, inflate, leftover
from services.spotfinder.kernels.planes import GROUP, merge_valid
from services.spotfinder.pixels import Count, Image

Words = NDArray[np.uint64]


@njit(cache=True, nogil=True)
def unfold_bytes(planes: Bytes, n: int, words: Words) -> None:
    """Of each group of eight pixels make a word, a byte for each pixel.

    Args:
        planes: eight bit planes of ``n`` bytes each, one after the other.
        n: number of groups.
        words: to be filled.
    """
    p0, p1, p2, p3 = planes[:n], planes[n : 2 * n], planes[2 * n : 3 * n], planes[3 * n : 4 * n]
    p4, p5, p6, p7 = planes[4 * n : 5 * n], planes[5 * n : 6 * n], planes[6 * n : 7 * n], planes[7 * n : 8 * n]
    for i in range(n):
        low = np.uint64(p0[i]) | np.uint64(p1[i]) << np.uint64(8)
        low |= np.uint64(p2[i]) << np.uint64(16) | np.uint64(p3[i]) << np.uint64(24)
        high = np.uint64(p4[i]) << np.uint64(32) | np.uint64(p5[i]) << np.uint64(40)
        high |= np.uint64(p6[i]) << np.uint64(48) | np.uint64(p7[i]) << np.uint64(56)
        words[i] = transpose(low | high)


@njit(cache=True, nogil=True)
def place_lowest(values: Bytes, image: Image) -> None:
    """Set the pixels to their lowest bytes."""
    for i in range(image.size):
        image[i] = values[i]


@njit(cache=True, nogil=True)
def place_higher(values: Bytes, shift: int, image: Image) -> None:
    """Add a higher byte to each pixel."""
    for i in range(image.size):
        image[i] |= np.uint64(values[i]) << np.uint64(shift)


@njit(cache=True, nogil=True)
def unfold_block(block: Bytes, valid: Bytes, words: Words, image: Image) -> None:
    """The pixels of a block.

    Args:
        block: its bit planes.
        valid: which pixels matter, a bit each; the others get any counts.
        words: a buffer for its groups of eight pixels; any counts are in it.
        image: the block's part of the image [counts].
    """
    n = image.size // GROUP
    unfold_bytes(block[: GROUP * n], n, words)
    place_lowest(words.view(np.uint8), image)
    merged = words.view(np.uint8)[:n]
    for k in range(1, image.itemsize):
        planes = block[GROUP * n * k : GROUP * n * (k + 1)]
        if merge_valid(planes, valid, merged):
            unfold_bytes(planes, n, words)
            place_higher(words.view(np.uint8), GROUP * k, image)


@njit(cache=True, nogil=True)
def unfold(encoded: Bytes, at: Count, block: Bytes, valid: Bytes, words: Words, image: Image) -> Count:
    """The image of a chunk.

    Args:
        encoded: the chunk.
        at: where its first block begins [bytes].
        block: a buffer of a block's size.
        valid: which pixels matter, a bit each; the others get any counts.
        words: a buffer for the groups of eight pixels in a block.
        image: flat, to be filled [counts].

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
        unfold_block(these, valid[first // GROUP : (first + n) // GROUP], words, image[first : first + n])
    for pixel in range(n_in_blocks, image.size):
        if at + image.itemsize > encoded.size:
            return CUT_SHORT
        image[pixel] = leftover(encoded, at, image.itemsize)
        at += image.itemsize
    return at

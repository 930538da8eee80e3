"""Bit planes back to pixels."""

import numpy as np
from numba import njit

from services.spotfinder.kernels.blocks import CUT_SHORT, Bytes, inflate, leftover
from services.spotfinder.kernels.planes import GROUP, merge_valid
from services.spotfinder.pixels import Count, Image


@njit(cache=True, nogil=True)
def swap_bits(a: np.uint8, b: np.uint8, shift: int) -> tuple[np.uint8, np.uint8]:
    """Swap every second group of ``shift`` bits: the upper ones of ``a`` for the lower ones of ``b``."""
    mask = np.uint8(255 // ((1 << shift) + 1))
    swapped = np.uint8((np.uint8(a >> shift) ^ b) & mask)
    return np.uint8(a ^ np.uint8(swapped << shift)), np.uint8(b ^ swapped)


@njit(cache=True, nogil=True)
def unfold_bytes(planes: Bytes, n: int, pixels: Bytes) -> None:
    """Of eight bit planes make a byte for each pixel.

    Eight bytes at a time are transposed as bits, see ``bits.transpose``, but in variables of their own: so 64 groups of
    eight pixels are in work at once.

    Args:
        planes: of ``n`` bytes each, one after the other.
        n: number of groups of eight pixels.
        pixels: to be filled.
    """
    p0, p1, p2, p3 = planes[:n], planes[n : 2 * n], planes[2 * n : 3 * n], planes[3 * n : 4 * n]
    p4, p5, p6, p7 = planes[4 * n : 5 * n], planes[5 * n : 6 * n], planes[6 * n : 7 * n], planes[7 * n : 8 * n]
    for i in range(n):
        (a, e), (b, f) = swap_bits(p0[i], p4[i], 4), swap_bits(p1[i], p5[i], 4)
        (c, g), (d, h) = swap_bits(p2[i], p6[i], 4), swap_bits(p3[i], p7[i], 4)
        (a, c), (b, d) = swap_bits(a, c, 2), swap_bits(b, d, 2)
        (e, g), (f, h) = swap_bits(e, g, 2), swap_bits(f, h, 2)
        k = GROUP * i
        pixels[k], pixels[k + 1] = swap_bits(a, b, 1)
        pixels[k + 2], pixels[k + 3] = swap_bits(c, d, 1)
        pixels[k + 4], pixels[k + 5] = swap_bits(e, f, 1)
        pixels[k + 6], pixels[k + 7] = swap_bits(g, h, 1)


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
def unfold_block(block: Bytes, valid: Bytes, values: Bytes, image: Image) -> None:
    """The pixels of a block.

    Args:
        block: its bit planes.
        valid: which pixels matter, a bit each; the others get any counts.
        values: a buffer of a byte for each pixel.
        image: the block's part of the image [counts].
    """
    n = image.size // GROUP
    unfold_bytes(block[: GROUP * n], n, values)
    place_lowest(values, image)
    merged = values[:n]
    for k in range(1, image.itemsize):
        planes = block[GROUP * n * k : GROUP * n * (k + 1)]
        if merge_valid(planes, valid, merged):
            unfold_bytes(planes, n, values)
            place_higher(values, GROUP * k, image)


@njit(cache=True, nogil=True)
def unfold(encoded: Bytes, at: Count, block: Bytes, valid: Bytes, values: Bytes, image: Image) -> Count:
    """The image of a chunk.

    Args:
        encoded: the chunk.
        at: where its first block begins [bytes].
        block: a buffer of a block's size.
        valid: which pixels matter, a bit each; the others get any counts.
        values: a buffer of a byte for each pixel in a block.
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
        unfold_block(these, valid[first // GROUP : (first + n) // GROUP], values, image[first : first + n])
    for pixel in range(n_in_blocks, image.size):
        if at + image.itemsize > encoded.size:
            return CUT_SHORT
        image[pixel] = leftover(encoded, at, image.itemsize)
        at += image.itemsize
    return at

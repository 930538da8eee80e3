"""An image as bytes: what a window's sums need where there are counts everywhere, but few high ones.

A byte holds the counts of a pixel if they are at most ``MAX_LOW``; any higher byte says that they are in the image. Its
highest bit is the bit planes above the others joined into one, so bytes take no longer to unfold than they would alone.
Invalid pixels are 0.
"""

from typing import Final

import numpy as np
from numba import njit

from services.spotfinder.kernels.bits import count_nonzero
from services.spotfinder.kernels.blocks import CUT_SHORT, Bytes, inflate, leftover
from services.spotfinder.kernels.planes import GROUP, copy_valid, drop_invalid, merge_four, unfold_high
from services.spotfinder.kernels.unfold import unfold_bytes
from services.spotfinder.pixels import Count, Image

LOW_PLANES: Final = 7
MAX_LOW: Final = (1 << LOW_PLANES) - 1  # [counts]
TOO_BRIGHT: Final = -3


@njit(cache=True, nogil=True)
def unfold_low_block(block: Bytes, valid: Bytes, high: Bytes, low: Bytes, image: Image) -> int:
    """The valid pixels of a block as bytes; returns how many groups of eight have one above ``MAX_LOW``.

    Args:
        block: its bit planes, which are changed.
        valid: which pixels are, a bit each.
        high: the pixels above ``MAX_LOW``, a bit each, to be filled.
        low: the block's part of the bytes, to be filled.
        image: the block's part of the image; only pixels in ``high`` are set, and neighbours [counts].
    """
    n = valid.size
    top = block[LOW_PLANES * n : GROUP * n]
    copy_valid(top, valid, high)
    for k in range(GROUP * n, block.size, 4 * n):
        merge_four(block[k : k + 4 * n], high)
    drop_invalid(high, valid)
    n_high = count_nonzero(high)
    if n_high:
        unfold_high(block, high, image)
    for k in range(LOW_PLANES):
        drop_invalid(block[k * n : (k + 1) * n], valid)
    copy_valid(high, valid, top)
    unfold_bytes(block[: GROUP * n], n, low)
    return n_high


@njit(cache=True, nogil=True)
def unfold_low(
    encoded: Bytes, at: Count, block: Bytes, valid: Bytes, most_high: int, high: Bytes, low: Bytes, image: Image
) -> Count:
    """The valid pixels of a chunk as bytes.

    Args:
        encoded: the chunk.
        at: where its first block begins [bytes].
        block: a buffer of a block's size.
        valid: which pixels are, a bit each.
        most_high: with more groups of eight pixels that have one above ``MAX_LOW``, stop.
        high: the pixels above ``MAX_LOW``, a bit each, to be filled.
        low: flat, to be filled.
        image: flat [counts]; only pixels in ``high`` are set, and neighbours.

    Returns:
        where the blocks end [bytes]; TOO_BRIGHT if it stopped; or what is wrong, see ``inflate``.
    """
    pixels_in_block = block.size // image.itemsize
    n_in_blocks = image.size // GROUP * GROUP
    for first in range(0, n_in_blocks, pixels_in_block):
        n = min(pixels_in_block, n_in_blocks - first)
        these = block[: n * image.itemsize]
        at = inflate(encoded, at, these)
        if at < 0:
            return at
        end, groups = first + n, slice(first // GROUP, (first + n) // GROUP)
        most_high -= unfold_low_block(these, valid[groups], high[groups], low[first:end], image[first:end])
        if most_high < 0:
            return np.int64(TOO_BRIGHT)
    return unfold_low_leftover(encoded, at, valid, high, low, image)


@njit(cache=True, nogil=True)
def unfold_low_leftover(encoded: Bytes, at: Count, valid: Bytes, high: Bytes, low: Bytes, image: Image) -> Count:
    """The bytes of the pixels after the last block, see ``unfold_low``."""
    n = image.size % GROUP
    end = at + n * image.itemsize
    if end > encoded.size:
        return CUT_SHORT
    byte = image.size // GROUP
    high[byte:] = 0
    for k in range(n):
        pixel = GROUP * byte + k
        value = leftover(encoded, at + k * image.itemsize, image.itemsize) if valid[byte] >> k & 1 else np.int64(0)
        low[pixel] = min(value, MAX_LOW + 1)
        image[pixel] = value
        if value > MAX_LOW:
            high[byte] |= np.uint8(1 << k)
    return end

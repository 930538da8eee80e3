"""The blocks of a bitshuffle-LZ4 chunk.

A chunk is a header, then blocks, then fewer than 8 pixels as they are. A block is a big-endian length of 4 bytes and as
many bytes of LZ4, which hold bit planes: bit 0 of all its pixels, eight to a byte, then bit 1, and so on.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.native import decompress
from services.spotfinder.pixels import Count

HEADER_BYTES: Final = 12  # size of the image and of a block [bytes], big-endian, 8 and 4 bytes
LENGTH_BYTES: Final = 4
CUT_SHORT: Final = -1
CORRUPT: Final = -2

Bytes = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def inflate(encoded: Bytes, at: Count, block: Bytes) -> Count:
    """Decompress the block at byte ``at`` of a chunk into ``block``, which it fills.

    Returns:
        where the next one begins [bytes]; CUT_SHORT if the chunk ends before, CORRUPT if the block is no LZ4.
    """
    begin = at + LENGTH_BYTES
    if begin > encoded.size:
        return CUT_SHORT
    length = np.int64(0)
    for k in range(at, begin):
        length = length << 8 | np.int64(encoded[k])
    end = begin + length
    if end > encoded.size:
        return CUT_SHORT
    n_bytes = decompress(encoded.ctypes.data + begin, block.ctypes.data, length, block.size)
    return end if n_bytes == block.size else CORRUPT


@njit(cache=True, nogil=True)
def leftover(encoded: Bytes, at: Count, size: int) -> Count:
    """The pixel of ``size`` bytes, little-endian, at byte ``at`` of a chunk [counts]."""
    value = np.int64(0)
    for k in range(size):
        value |= np.int64(encoded[at + k]) << (8 * k)
    return value

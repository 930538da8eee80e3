"""Small steps on bits."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def transpose(rows: np.uint64) -> np.uint64:
    """Bit ``i`` of byte ``k`` becomes bit ``k`` of byte ``i``: eight bit planes of eight pixels to eight bytes.

    Source: Warren, Hacker's Delight, 7-3 (2 x 2 blocks are swapped, of 1, 2 and 4 bits).
    """
    x = np.uint64(rows)
    swapped = (x ^ (x >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
    x = x ^ swapped ^ (swapped << np.uint64(7))
    swapped = (x ^ (x >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
    x = x ^ swapped ^ (swapped << np.uint64(14))
    swapped = (x ^ (x >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
    return np.uint64(x ^ swapped ^ (swapped << np.uint64(28)))


@njit(cache=True, nogil=True)
def has_any(flags: NDArray[np.uint8]) -> bool:
    """Whether any bit is set; every byte is looked at, without a branch, which becomes vector code.

    The maximum stays a byte; numba would make a word of what ``|`` joins.
    """
    highest = np.uint8(0)
    for i in range(flags.size):
        highest = max(highest, flags[i])
    return bool(highest)


@njit(cache=True, nogil=True)
def count_nonzero(flags: NDArray[np.uint8]) -> int:
    """Number of bytes with a bit set."""
    n = 0
    for i in range(flags.size):
        n += flags[i] != 0
    return n

"""Which pixels can belong to a spot at all, 64 at a time, from their bits in the plane ``RAISED``.

A spot of three pixels or more is a pixel with two of its four neighbours, and these; so a pixel that is no such centre,
nor next to one, is in no spot. That a pixel of a spot has 2 counts or more, see ``lowest_in_spot``.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.kernels.native import count_ones
from services.spotfinder.pixels import Count

Words = NDArray[np.uint64]
ONE: Final = np.uint64(1)
LAST: Final = np.uint64(63)


@njit(cache=True, nogil=True)
def shifted_up(before: np.uint64, word: np.uint64, n: np.uint64) -> np.uint64:
    """The word moved by ``n`` < 64 bits to higher ones, filled up from the word before."""
    return word << n | before >> ONE >> (LAST - n)


@njit(cache=True, nogil=True)
def shifted_down(word: np.uint64, after: np.uint64, n: np.uint64) -> np.uint64:
    """The word moved by ``n`` < 64 bits to lower ones, filled up from the word after."""
    return word >> n | after << ONE << (LAST - n)


@njit(cache=True, nogil=True)
def find_centres(raised: Words, nx: int, margin: int, centres: Words) -> None:
    """Mark the pixels of ``raised`` of whose four neighbours two or more are in it.

    Args:
        raised: a bit each.
        nx: pixels in a row.
        margin: words at either end without a pixel, at least ``nx`` // 64 + 2.
        centres: the same, to be filled except for the margins.
    """
    n, rows, shift = raised.size - 2 * margin, nx // 64, np.uint64(nx % 64)
    before, here, after = raised[margin - 1 :], raised[margin:], raised[margin + 1 :]
    above_before, above = raised[margin - rows - 1 :], raised[margin - rows :]
    below, below_after = raised[margin + rows :], raised[margin + rows + 1 :]
    inside = centres[margin:]
    for i in range(n):
        left, right = shifted_up(before[i], here[i], ONE), shifted_down(here[i], after[i], ONE)
        up, down = shifted_up(above_before[i], above[i], shift), shifted_down(below[i], below_after[i], shift)
        inside[i] = here[i] & (left & right | up & down | (left | right) & (up | down))


@njit(cache=True, nogil=True)
def add_neighbours(centres: Words, raised: Words, nx: int, margin: int, candidates: Words) -> Count:
    """Mark the centres and those of their four neighbours that are in ``raised``; returns how many pixels that makes.

    The arguments are those of ``find_centres``.
    """
    n, rows, shift = raised.size - 2 * margin, nx // 64, np.uint64(nx % 64)
    before, here, after = centres[margin - 1 :], centres[margin:], centres[margin + 1 :]
    above_before, above = centres[margin - rows - 1 :], centres[margin - rows :]
    below, below_after = centres[margin + rows :], centres[margin + rows + 1 :]
    inside, possible = candidates[margin:], raised[margin:]
    n_pixels = np.int64(0)
    for i in range(n):
        left, right = shifted_up(before[i], here[i], ONE), shifted_down(here[i], after[i], ONE)
        up, down = shifted_up(above_before[i], above[i], shift), shifted_down(below[i], below_after[i], shift)
        found = possible[i] & (here[i] | left | right | up | down)
        inside[i] = found
        n_pixels += count_ones(found)
    return n_pixels

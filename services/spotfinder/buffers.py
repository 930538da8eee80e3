"""Memory that is used anew for each image: one set for each worker, whichever collection it works on."""

from functools import lru_cache
from mmap import mmap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.kernels.blocks import Bytes
from services.spotfinder.kernels.planes import GROUP, HIGH, N_PLANES, RAISED
from services.spotfinder.pixels import Image

WORD_BITS: Final = 64
LINE_BYTES: Final = 64  # planes and their margins fill whole lines of the processor's cache


class Buffers:
    """For images of one shape and type; serves one thread.

    Attributes:
        margin: zeros before and after the pixels of a plane [bytes].
        image, low: ``[slow, fast]`` [counts], low ones in bytes; what is in them depends on who used them last.
        planes: ``[N_PLANES, bytes]``, see ``kernels.planes``; their margins stay zero.
        raised, high: two of the planes, in words.
        centres, candidates: a bit for each pixel, in words, with margins.
        strong, uncounted: lists of flat indices.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.margin, n_bytes = plane_layout(shape)
        size = shape[0] * shape[1]
        self.image: Image = in_small_pages(shape, np.dtype(f"u{dtype.itemsize}"))
        self.low = in_small_pages(shape, np.dtype(np.uint8)).view(np.uint8)
        self.planes = np.zeros((N_PLANES, n_bytes), np.uint8)
        self.raised, self.high = self.planes[RAISED].view(np.uint64), self.planes[HIGH].view(np.uint64)
        self.centres, self.candidates = np.zeros((2, n_bytes // GROUP), np.uint64)
        self.strong, self.uncounted = np.empty((2, size), np.int32)

    @property
    def flat(self) -> Image:
        """The image's pixels in one row."""
        return self.image.reshape(-1)


def in_small_pages(shape: tuple[int, int], dtype: np.dtype[Any]) -> Image:
    """Zeros; numpy would ask for pages of 2 MiB, and a few spots would make all of the image resident."""
    pixels = np.frombuffer(mmap(-1, shape[0] * shape[1] * dtype.itemsize), dtype)
    image: Image = pixels.reshape(shape)
    return image


@lru_cache(maxsize=1)
def buffers_for(shape: tuple[int, int], dtype: np.dtype[Any]) -> Buffers:
    """The worker's buffers; images of another shape or type get others, and these are given up."""
    return Buffers(shape, dtype)


@lru_cache(maxsize=1)
def block_buffers(n_bytes: int) -> tuple[Bytes, Bytes]:
    """For one block of a chunk: its bytes, and a byte or more for each of its pixels."""
    return np.empty(n_bytes, np.uint8), np.empty(n_bytes, np.uint8)


def plane_layout(shape: tuple[int, int]) -> tuple[int, int]:
    """Margin before and after a plane's pixels, and its size with both [bytes].

    The margin holds the three rows that windows reach beyond the image, and two words that rows are shifted by.
    """
    ny, nx = shape
    margin = whole_lines(3 * nx + 2 * WORD_BITS)
    return margin, whole_lines(ny * nx + 1) + 2 * margin


def whole_lines(n_bits: int) -> int:
    """Bytes of the lines that hold so many bits."""
    return -(-n_bits // (LINE_BYTES * GROUP)) * LINE_BYTES


def plane_of(flags: NDArray[np.bool_]) -> Bytes:
    """A plane of an image's flags, ``[slow, fast]``."""
    margin, n_bytes = plane_layout(flags.shape)
    plane = np.zeros(n_bytes, np.uint8)
    bits = np.packbits(flags, bitorder="little")
    plane[margin : margin + bits.size] = bits
    return plane

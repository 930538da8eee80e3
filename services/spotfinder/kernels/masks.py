"""Masks stored as chunks: which pixels are not 0, without unfolding them."""

from numba import njit

from services.spotfinder.kernels.blocks import CUT_SHORT, Bytes, inflate, leftover
from services.spotfinder.kernels.planes import GROUP, merge_valid
from services.spotfinder.pixels import Count


@njit(cache=True, nogil=True)
def mark_nonzero(
    encoded: Bytes, at: Count, block: Bytes, every: Bytes, pixel_bytes: int, n_pixels: int, plane: Bytes
) -> Count:
    """Mark the pixels of a chunk that are not 0.

    Args:
        encoded: the chunk.
        at: where its first block begins [bytes].
        block: a buffer of a block's size.
        every: a bit for each pixel of a block, all set.
        pixel_bytes: size of a pixel [bytes].
        n_pixels: in the image.
        plane: a bit for each pixel, to be filled.

    Returns:
        where the chunk's pixels end [bytes], or what is wrong, see ``inflate``.
    """
    pixels_in_block = block.size // pixel_bytes
    n_in_blocks = n_pixels // GROUP * GROUP
    for first in range(0, n_in_blocks, pixels_in_block):
        n = min(pixels_in_block, n_in_blocks - first)
        these = block[: n * pixel_bytes]
        at = inflate(encoded, at, these)
        if at < 0:
            return at
        merge_valid(these, every[: n // GROUP], plane[first // GROUP : (first + n) // GROUP])
    for k in range(n_pixels - n_in_blocks):
        if at + pixel_bytes > encoded.size:
            return CUT_SHORT
        plane[n_in_blocks // GROUP] |= (leftover(encoded, at, pixel_bytes) != 0) << k
        at += pixel_bytes
    return at

"""Decoding bitshuffle-LZ4 chunks outside HDF5's global lock, with the library that hdf5plugin brings."""

# mypy: disallow-untyped-decorators=False

import ctypes
import math
from functools import cache
from pathlib import Path
from typing import Any, Final

import hdf5plugin
import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.pixels import Chunk, Pixels, Stored

HEADER_BYTES: Final = 12  # size of the image and of a block [bytes], big-endian, 8 and 4 bytes
GROUP: Final = 8  # elements that are shuffled together


def decoded(stored: Stored) -> Pixels:
    """The pixels of an image in memory of their own, whichever way it is stored.

    Raises:
        ValueError: if a chunk is cut short, or holds something else.
    """
    if not isinstance(stored, Chunk):
        return stored.copy()
    pixels: Pixels = np.empty(stored.shape, stored.dtype)
    decode(stored.encoded, pixels)
    return pixels


def decode(chunk: bytes, image: NDArray[Any]) -> None:
    """Decode one chunk into an image of the same size.

    Raises:
        ValueError: if the chunk is cut short, or holds something else.
    """
    encoded = np.frombuffer(chunk, np.uint8)
    block_size = _elements_in_block(chunk, image)
    n_blocks = math.ceil(image.size // GROUP * GROUP / block_size)
    end = end_of_blocks(encoded, n_blocks)
    leftover_bytes = image.size % GROUP * image.itemsize  # stored after the blocks, as they are
    if end < 0 or end + leftover_bytes > encoded.size:
        raise ValueError(f"cut short after {encoded.size} bytes")
    address = encoded.ctypes.data + HEADER_BYTES
    used = _library().bshuf_decompress_lz4(address, image.ctypes.data, image.size, image.itemsize, block_size)
    if used != end + leftover_bytes - HEADER_BYTES:
        raise ValueError("corrupt")


def _elements_in_block(chunk: bytes, image: NDArray[Any]) -> int:
    if len(chunk) < HEADER_BYTES:
        raise ValueError(f"cut short after {len(chunk)} bytes")
    image_bytes, block_bytes = int.from_bytes(chunk[:8]), int.from_bytes(chunk[8:HEADER_BYTES])
    if image_bytes != image.nbytes:
        raise ValueError(f"holds {image_bytes} bytes, the image {image.nbytes}")
    block_size = block_bytes // image.itemsize
    if block_size == 0 or block_size % GROUP:
        raise ValueError(f"blocks of {block_bytes} bytes")
    return block_size


@njit(cache=True, nogil=True)
def end_of_blocks(encoded: NDArray[np.uint8], n_blocks: int) -> np.int64:
    """Where the blocks end [bytes], each a big-endian length and as many bytes; -1 if the chunk ends before."""
    at = np.int64(HEADER_BYTES)
    for _ in range(n_blocks):
        if at + 4 > encoded.size:
            return np.int64(-1)
        length = np.int64(0)
        for k in range(4):
            length = length * 256 + np.int64(encoded[at + k])
        at += 4 + length
    return at if at <= encoded.size else np.int64(-1)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(next(Path(hdf5plugin.PLUGIN_PATH).glob("libh5bshuf.*"))))
    library.bshuf_decompress_lz4.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    library.bshuf_decompress_lz4.restype = ctypes.c_int64
    return library

"""Chunks as EIGER detectors store them: what their headers say, and decoding them outside HDF5's global lock."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.buffers import block_buffers
from services.spotfinder.kernels.blocks import CUT_SHORT, HEADER_BYTES, Bytes
from services.spotfinder.kernels.masks import mark_nonzero
from services.spotfinder.kernels.planes import GROUP
from services.spotfinder.kernels.unfold import unfold
from services.spotfinder.pixels import Chunk, Count, Image, Pixels, Stored

ALL_VALID: Final = np.uint8(255)


def decoded(stored: Stored) -> Pixels:
    """The pixels of an image in memory of their own, whichever way it is stored.

    Raises:
        ValueError: if a chunk is cut short, or holds something else.
    """
    if not isinstance(stored, Chunk):
        return stored.copy()
    pixels: Pixels = np.empty(stored.shape, stored.dtype)
    decode(stored, np.full(pixels.size // GROUP, ALL_VALID), unsigned(pixels))
    return pixels


def decode(chunk: Chunk, valid: Bytes, image: Image) -> None:
    """Decode a chunk into an image of its shape and type.

    Args:
        chunk: what to decode.
        valid: which pixels matter, a bit each; the others get any counts, which saves time.
        image: to be filled [counts].

    Raises:
        ValueError: if the chunk is cut short, or holds something else.
    """
    block, values = block_buffers(block_bytes(chunk))
    check(chunk, unfold(bytes_of(chunk), HEADER_BYTES, block, valid, values, image.reshape(-1)))


def is_zero(chunk: Chunk) -> NDArray[np.bool_]:
    """Which pixels of a chunk are 0, ``[slow, fast]``; takes a fifth of the memory that decoding would.

    Raises:
        ValueError: if the chunk is cut short, or holds something else.
    """
    n_pixels, size = chunk.shape[0] * chunk.shape[1], chunk.dtype.itemsize
    block, _ = block_buffers(block_bytes(chunk))
    every, plane = np.full(block.size // (GROUP * size), ALL_VALID), np.zeros(-(-n_pixels // GROUP), np.uint8)
    check(chunk, mark_nonzero(bytes_of(chunk), HEADER_BYTES, block, every, size, n_pixels, plane))
    nonzero = np.unpackbits(plane, count=n_pixels, bitorder="little").view(np.bool_).reshape(chunk.shape)
    return np.logical_not(nonzero, out=nonzero)


def blank(shape: tuple[int, int], dtype: np.dtype[Any]) -> Chunk:
    """The chunk of an image without counts, in one block."""
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    whole, rest = divmod(n_bytes - 1 - 19 - 5, 255)
    run = b"\x1f\0\1\0" + b"\xff" * whole + bytes([rest])  # LZ4: a zero, and from one byte back 19 and more zeros
    block = run + b"\x50" + bytes(5)  # at the end five bytes as they are
    header = n_bytes.to_bytes(8) + n_bytes.to_bytes(4)
    return Chunk(header + len(block).to_bytes(4) + block, shape, dtype)


def check(chunk: Chunk, end: Count) -> None:
    """Refuse a chunk that a kernel could not read.

    Args:
        chunk: for the message.
        end: what the kernel returned, see ``kernels.blocks.inflate``.

    Raises:
        ValueError: if the chunk is broken.
    """
    if end < 0:
        size = len(chunk.encoded)
        raise ValueError(f"cut short after {size} bytes" if end == CUT_SHORT else f"corrupt, in its {size} bytes")


def bytes_of(chunk: Chunk) -> Bytes:
    """The chunk's bytes, of one type whatever holds them, lest the kernels be compiled twice."""
    encoded = np.frombuffer(chunk.encoded, np.uint8)
    encoded.flags.writeable = False
    return encoded


def block_bytes(chunk: Chunk) -> int:
    """Size of the chunk's blocks [bytes], if it is a chunk of its image.

    Raises:
        ValueError: if it is not.
    """
    header = bytes(chunk.encoded[:HEADER_BYTES])
    if len(header) < HEADER_BYTES:
        raise ValueError(f"cut short after {len(header)} bytes")
    image_bytes, size = int.from_bytes(header[:8]), int.from_bytes(header[8:])
    expected = chunk.shape[0] * chunk.shape[1] * chunk.dtype.itemsize
    if image_bytes != expected:
        raise ValueError(f"holds {image_bytes} bytes, the image {expected}")
    if size == 0 or size % (GROUP * chunk.dtype.itemsize):
        raise ValueError(f"blocks of {size} bytes")
    return min(size, expected + -expected % (GROUP * chunk.dtype.itemsize))


def unsigned(pixels: Pixels) -> Image:
    """The same pixels in an unsigned type: what is negative becomes larger than any saturation."""
    kind = np.dtype(f"u{pixels.dtype.itemsize}")
    image: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] = np.ascontiguousarray(pixels).view(kind)
    return image

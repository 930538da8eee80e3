"""Chunks as EIGER detectors store them: what their headers say, and decoding them outside HDF5's global lock."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.buffers import block_buffers
from services.spotfinder.kernels.blocks import CUT_SHORT, HEADER_BYTES, Bytes
from services.spotfinder.kernels.planes import GROUP
from services.spotfinder.kernels.unfold import unfold
from services.spotfinder.pixels import Chunk, Count, Image, Pixels, Stored


def decoded(stored: Stored) -> Pixels:
    """The pixels of an image in memory of their own, whichever way it is stored.

    Raises:
        ValueError: if a chunk is cut short, or holds something else.
    """
    if not isinstance(stored, Chunk):
        return stored.copy()
    pixels: Pixels = np.empty(stored.shape, stored.dtype)
    decode(stored, unsigned(pixels))
    return pixels


def decode(chunk: Chunk, image: Image) -> None:
    """Decode a chunk into an image of its shape and type.

    Raises:
        ValueError: if the chunk is cut short, or holds something else.
    """
    block, words = block_buffers(block_bytes(chunk))
    check(chunk, unfold(bytes_of(chunk), HEADER_BYTES, block, words, image.reshape(-1)))


def blank(shape: tuple[int, int], dtype: np.dtype[Any]) -> Chunk:
    """The chunk of an image without counts, in one block that LZ4 holds as it is."""
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    whole, rest = divmod(n_bytes - 15, 255)  # LZ4: 15 literals in the token, then bytes of up to 254 more
    block = b"\xf0" + b"\xff" * whole + bytes([rest]) + bytes(n_bytes)
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

"""The floor: bitshuffle-LZ4 decompression of the same chunks into a reused buffer, by each library that has it in C."""

# mypy: disallow-untyped-decorators=False

import ctypes
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import hdf5plugin
import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.spotfinder.names import BITSHUFFLE, DECTRIS, HDF5PLUGIN, LZ4
from benchmarks.spotfinder.peers.course import Course, Pass, serve
from benchmarks.spotfinder.sets import load
from services.spotfinder.kernels.blocks import HEADER_BYTES
from services.spotfinder.pixels import Chunk

DECTRIS_BSLZ4 = 0
"""Of ``CompressionAlgorithm``. Source: DECTRIS, compression.h."""


class Encoded(NamedTuple):
    """A chunk in memory: address, size and that of its decompressed blocks [bytes], and what keeps it there."""

    address: int
    size: int
    block_size: int
    memory: NDArray[np.uint8]

    @classmethod
    def of(cls, chunk: Chunk) -> "Encoded":
        memory = np.frombuffer(chunk.encoded, np.uint8)
        return cls(memory.ctypes.data, memory.size, int.from_bytes(chunk.encoded[8:HEADER_BYTES], "big"), memory)


Decoder = Callable[[Encoded, NDArray[Any]], int]
"""Decompresses a chunk into an image; negative if it cannot."""


def prepare(master: str) -> Course:
    """Whichever libraries are there."""
    stored = load(Path(master)).chunks
    chunks, image = [Encoded.of(chunk) for chunk in stored], np.zeros(stored[0].shape, stored[0].dtype)
    passes, missing = {}, {}
    for name, find in ((DECTRIS, dectris), (BITSHUFFLE, bitshuffle), (HDF5PLUGIN, hdf5_plugin)):
        try:
            passes[name] = decoding(find(), chunks, image)
        except ImportError as reason:
            missing[name] = str(reason)
    passes[LZ4] = lz4_alone(chunks, image.nbytes // (8 * image.itemsize) * 8 * image.itemsize)
    return Course(len(chunks), passes, missing=missing)


def decoding(decode: Decoder, chunks: list[Encoded], image: NDArray[Any]) -> Pass:
    """A pass over all chunks, checked once.

    Raises:
        ValueError: if the library refuses a chunk.
    """
    if any(decode(chunk, image) < 0 for chunk in chunks):
        raise ValueError("a chunk is refused")

    def work() -> None:
        for chunk in chunks:
            decode(chunk, image)

    return work


def dectris() -> Decoder:
    """DECTRIS' own."""
    library = ctypes.CDLL(str(import_module("dectris.compression").__file__))
    function = library.compression_decompress_buffer
    function.argtypes = [ctypes.c_int, *(ctypes.c_void_p, ctypes.c_size_t) * 2, ctypes.c_size_t]
    function.restype = ctypes.c_ssize_t

    def decode(chunk: Encoded, image: NDArray[Any]) -> int:
        target = image.ctypes.data, image.nbytes
        return int(function(DECTRIS_BSLZ4, *target, chunk.address, chunk.size, image.itemsize))

    return decode


def bitshuffle() -> Decoder:
    """The reference implementation, as PyPI has it."""
    return reference_decoder(str(import_module("bitshuffle.ext").__file__))


def hdf5_plugin() -> Decoder:
    """The same, as HDF5's filter."""
    return reference_decoder(filter_library())


def filter_library() -> str:
    """Path of the filter, which has LZ4, too."""
    return str(next(Path(hdf5plugin.PLUGIN_PATH).glob("libh5bshuf.*")))


def reference_decoder(library: str) -> Decoder:
    """``bshuf_decompress_lz4`` of a shared library."""
    function = ctypes.CDLL(library).bshuf_decompress_lz4
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    function.restype = ctypes.c_int64

    def decode(chunk: Encoded, image: NDArray[Any]) -> int:
        source, block = chunk.address + HEADER_BYTES, chunk.block_size // image.itemsize
        return int(function(source, image.ctypes.data, image.size, image.itemsize, block))

    return decode


def lz4_alone(chunks: list[Encoded], n_bytes: int) -> Pass:
    """LZ4 of every block, into one block's buffer: what no reader of these chunks can do without."""
    function = ctypes.CDLL(filter_library()).LZ4_decompress_safe
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    function.restype = ctypes.c_int
    block = np.zeros(chunks[0].block_size, np.uint8)

    @njit(nogil=True)
    def decompress(encoded: NDArray[np.uint8], source: int, target: int, block_size: int) -> int:
        at, left, done = HEADER_BYTES, n_bytes, 0
        while left > 0:
            length = 0
            for k in range(4):
                length = length * 256 + encoded[at + k]
            done += function(source + at + 4, target, length, min(left, block_size))
            at += 4 + length
            left -= block_size
        return done

    def work() -> None:
        for chunk in chunks:
            decompress(chunk.memory, chunk.address, block.ctypes.data, chunk.block_size)

    if decompress(chunks[0].memory, chunks[0].address, block.ctypes.data, chunks[0].block_size) != n_bytes:
        raise ValueError("blocks are missing")
    return work


if __name__ == "__main__":
    serve(prepare)

"""What numba does not know by itself: instructions that count bits, and LZ4 from the library that hdf5plugin brings.

Each is a Python function, and beside it what takes its place in compiled code. LZ4 is bound to a symbol by name, not to
an address, so that kernels that call it can be cached.
"""

import ctypes
from pathlib import Path

import hdf5plugin
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, overload

from services.spotfinder.pixels import Count

_library = ctypes.CDLL(str(next(Path(hdf5plugin.PLUGIN_PATH).glob("libh5bshuf.*"))))
_library.LZ4_decompress_safe.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
_library.LZ4_decompress_safe.restype = ctypes.c_int
binding.add_symbol("mxmesh_lz4", ctypes.cast(_library.LZ4_decompress_safe, ctypes.c_void_p).value)
_lz4 = types.ExternalFunction("mxmesh_lz4", types.int32(types.uintp, types.uintp, types.int32, types.int32))


def count_ones(word: np.uint64) -> int:
    """Number of bits that are set."""
    return int(word).bit_count()


def lowest_one(word: np.uint64) -> int:
    """Index of the lowest bit that is set; there must be one."""
    return (int(word) & -int(word)).bit_length() - 1


def decompress(source: Count, target: Count, n_bytes: Count, capacity: int) -> int:
    """LZ4 from address to address; returns how many bytes came out, a negative number if it is no LZ4."""
    return int(_library.LZ4_decompress_safe(source, target, n_bytes, capacity))


@intrinsic
def _ctpop(_, word):
    return types.int64(types.uint64), lambda _, builder, __, arguments: builder.ctpop(arguments[0])


@intrinsic
def _cttz(_, word):
    zero_is_undefined = ir.Constant(ir.IntType(1), 1)
    return types.int64(types.uint64), lambda _, builder, __, arguments: builder.cttz(arguments[0], zero_is_undefined)


@overload(count_ones)
def _count_ones(word):
    return lambda word: _ctpop(word)


@overload(lowest_one)
def _lowest_one(word):
    return lambda word: _cttz(word)


@overload(decompress)
def _decompress(source, target, n_bytes, capacity):
    return lambda source, target, n_bytes, capacity: _lz4(
        np.uintp(source), np.uintp(target), np.int32(n_bytes), np.int32(capacity)
    )

"""Small steps on bits."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from services.spotfinder.kernels.bits import has_any, transpose
from services.spotfinder.kernels.native import count_ones, lowest_one
from tests.spotfinder.kernels.exposures import both

words = st.integers(0, 2**64 - 1).map(np.uint64)


@njit
def compiled_counts(word):
    return count_ones(word), lowest_one(word)


@both(transpose)
@given(rows=arrays(np.uint8, 8))
def test_planes_of_eight_pixels_become_their_bytes(transpose, rows):
    (transposed,) = np.array([transpose(rows.view(np.uint64)[0])], np.uint64).view((np.uint8, 8))
    bits = np.unpackbits(rows[:, None], axis=1, bitorder="little")
    assert np.array_equal(transposed, np.packbits(bits.T, axis=1, bitorder="little").ravel())


@both(has_any)
@given(array=arrays(np.uint8, st.integers(0, 200), elements=st.sampled_from([0, 0, 0, 1, 128]), fill=st.just(0)))
def test_any_bit_is_noticed(has_any, array):
    assert has_any(array) == array.any()


@given(words.filter(bool))
def test_compiled_code_counts_bits_as_python_does(word):
    assert compiled_counts(word) == (count_ones(word), lowest_one(word))
    assert count_ones(word) == np.binary_repr(word).count("1")
    assert word >> np.uint64(lowest_one(word)) & np.uint64(1)
    assert word & (np.uint64(1) << np.uint64(lowest_one(word))) - np.uint64(1) == 0

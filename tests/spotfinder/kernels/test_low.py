"""Bytes are the low counts of the valid pixels, and tell where the others are."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.spotfinder.kernels import low as k
from services.spotfinder.kernels.blocks import CORRUPT, CUT_SHORT, HEADER_BYTES
from tests.spotfinder.kernels.exposures import TYPES, both, exposures
from tests.spotfinder.kernels.test_planes import BLOCKS_PX, block_of, chunk_of


def assert_is_unfolded(low, high, counts, image, valid):
    """``image`` by definition: bytes, a bit for each high pixel, and these pixels' counts."""
    image = np.where(valid, image, 0).ravel()
    is_high = image > 127
    assert np.array_equal(low[~is_high], image[~is_high])
    assert (low[is_high] > 127).all()
    assert np.array_equal(np.unpackbits(high, count=image.size, bitorder="little"), is_high)
    assert np.array_equal(counts[is_high], image[is_high])


@pytest.mark.parametrize("dtype", TYPES)
@both(k.unfold_low)
@given(data=st.data())
def test_the_valid_pixels_of_a_chunk_become_bytes(unfold_low, dtype, data):
    image, valid = data.draw(exposures(dtype))
    chunk, block, _ = chunk_of(image, data.draw(st.sampled_from(BLOCKS_PX)))
    low, counts = np.full(image.size, 7, np.uint8), np.full(image.size, 7, dtype)
    plane, high = np.packbits(valid, bitorder="little"), np.full(-(-image.size // 8), 7, np.uint8)
    assert unfold_low(chunk, HEADER_BYTES, block, plane, image.size, high, low, counts) == chunk.size
    assert_is_unfolded(low, high, counts, image, valid)


@pytest.mark.parametrize("dtype", TYPES)
@both(k.unfold_low_block)
@given(data=st.data())
def test_the_valid_pixels_of_a_block_become_bytes(unfold_low_block, dtype, data):
    image, block = block_of(data.draw(exposures(dtype))[0])
    plane = np.resize(np.array([255, 0, 0b10100110, 255, 255], np.uint8), image.size // 8)
    low, high, counts = np.empty(image.size, np.uint8), np.empty_like(plane), np.empty_like(image)
    n_high = unfold_low_block(block, plane, high, low, counts)
    assert n_high == np.count_nonzero(high)
    assert_is_unfolded(low, high, counts, image, np.unpackbits(plane, bitorder="little").astype(bool))


@pytest.mark.parametrize("dtype", TYPES)
@both(k.unfold_low_leftover)
def test_pixels_after_the_last_block_become_bytes(unfold_low_leftover, dtype):
    image = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 127, 128, 200, 255], dtype)
    valid = np.ones(image.size, np.bool_)
    valid[11] = False
    low, high, counts = np.zeros(image.size, np.uint8), np.full(2, 0, np.uint8), np.zeros_like(image)
    high[1] = 77
    chunk, plane = image[8:].view(np.uint8), np.packbits(valid, bitorder="little")
    assert unfold_low_leftover(chunk, 0, plane, high, low, counts) == chunk.size
    assert_is_unfolded(low, high, counts, image, valid)
    assert unfold_low_leftover(chunk[:-1], 0, plane, high, low, counts) == CUT_SHORT


@both(k.unfold_low)
def test_a_broken_chunk_is_told(unfold_low):
    chunk, block, _ = chunk_of(np.arange(64, dtype=np.uint16).reshape(4, 16))
    arguments = np.full(8, 255, np.uint8), 8, np.zeros(8, np.uint8), np.zeros(64, np.uint8), np.zeros(64, np.uint16)
    assert unfold_low(chunk[:-1], HEADER_BYTES, block, *arguments) == CUT_SHORT
    corrupt = chunk.copy()
    corrupt[HEADER_BYTES + 4 :] = 255
    assert unfold_low(corrupt, HEADER_BYTES, block, *arguments) == CORRUPT


@both(k.unfold_low)
def test_an_image_of_many_high_pixels_is_given_up_soon(unfold_low):
    image = np.full((4, 16), 128, np.uint16)
    chunk, block, _ = chunk_of(image, 16)
    plane, high = np.full(8, 255, np.uint8), np.zeros(8, np.uint8)
    low, counts = np.zeros(64, np.uint8), np.zeros(64, np.uint16)
    assert unfold_low(chunk, HEADER_BYTES, block, plane, 8, high, low, counts) == chunk.size
    low[:] = 0
    assert unfold_low(chunk, HEADER_BYTES, block, plane, 3, high, low, counts) == k.TOO_BRIGHT
    assert low[:32].all()
    assert not low[32:].any()

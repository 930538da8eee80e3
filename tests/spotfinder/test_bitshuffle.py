"""The chunk decoder against HDF5's own filter, and on broken chunks."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from services.spotfinder.bitshuffle import blank, decoded, is_zero
from services.spotfinder.pixels import Chunk
from tests.spotfinder.nexus_files import encoded

small_images = st.sampled_from([np.uint8, np.uint16, np.uint32, np.int32]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=90))
)


@given(small_images)
def test_decoding_gives_the_image_back(image):
    for block_px in (0, 8, 200):
        pixels = decoded(Chunk(encoded(image, block_px), image.shape, image.dtype))
        assert pixels.dtype == image.dtype
        assert np.array_equal(pixels, image)


@given(small_images, st.data())
def test_a_chunk_cut_short_anywhere_is_refused(image, data):
    chunk = encoded(image)
    length = data.draw(st.integers(0, len(chunk) - 1))
    with pytest.raises(ValueError, match="cut short"):
        decoded(Chunk(chunk[:length], image.shape, image.dtype))


def test_a_chunk_of_another_image_is_refused():
    chunk = encoded(np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="holds 128 bytes, the image 256"):
        decoded(Chunk(chunk, (8, 8), np.dtype(np.uint32)))


def test_a_chunk_with_blocks_of_no_size_is_refused():
    chunk = encoded(np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="blocks of 0 bytes"):
        decoded(Chunk(chunk[:8] + bytes(4) + chunk[12:], (8, 8), np.dtype(np.uint16)))


@given(small_images, st.sampled_from([0, 8, 200]))
def test_zeros_are_known_without_decoding(image, block_px):
    sparse = np.where(image % 3 == 0, image, 0).astype(image.dtype)
    assert np.array_equal(is_zero(Chunk(encoded(sparse, block_px), sparse.shape, sparse.dtype)), sparse == 0)


@given(small_images, st.data())
def test_a_mask_that_is_cut_short_is_refused(image, data):
    chunk = encoded(image)
    length = data.draw(st.integers(0, len(chunk) - 1))
    with pytest.raises(ValueError, match="cut short"):
        is_zero(Chunk(chunk[:length], image.shape, image.dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_a_blank_chunk_holds_a_blank_image(dtype):
    chunk = blank((64, 64), np.dtype(dtype))
    pixels = decoded(chunk)
    assert pixels.shape == (64, 64)
    assert not pixels.any()


def test_an_image_in_memory_is_copied():
    image = np.arange(6, dtype=np.uint16).reshape(2, 3)
    copy = decoded(image)
    image[0, 0] = 7
    assert copy[0, 0] == 0

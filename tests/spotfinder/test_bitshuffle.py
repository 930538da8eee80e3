"""The chunk decoder against HDF5's own filter, and on broken chunks."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from services.spotfinder.bitshuffle import decode, end_of_blocks
from tests.spotfinder.nexus_files import encoded

small_images = st.sampled_from([np.uint8, np.uint16, np.uint32, np.int32]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=90))
)


@given(small_images)
def test_decoding_gives_the_image_back(image):
    decoded = np.empty_like(image)
    decode(encoded(image), decoded)
    assert np.array_equal(decoded, image)


@given(small_images, st.data())
def test_a_chunk_cut_short_anywhere_is_refused(image, data):
    chunk = encoded(image)
    length = data.draw(st.integers(0, len(chunk) - 1))
    with pytest.raises(ValueError, match="cut short"):
        decode(chunk[:length], np.empty_like(image))


def test_a_chunk_of_another_image_is_refused():
    chunk = encoded(np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="holds 128 bytes, the image 256"):
        decode(chunk, np.empty((8, 8), np.uint32))


def test_a_chunk_with_blocks_of_no_size_is_refused():
    chunk = encoded(np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="blocks of 0 bytes"):
        decode(chunk[:8] + bytes(4) + chunk[12:], np.empty((8, 8), np.uint16))


@pytest.mark.parametrize("kernel", [end_of_blocks, end_of_blocks.py_func], ids=["compiled", "python"])
def test_blocks_end_where_their_lengths_say(kernel):
    chunk = np.frombuffer(bytes(12) + b"\0\0\0\2ab" + b"\0\0\0\1c", np.uint8)
    assert kernel(chunk, 2) == chunk.size
    assert kernel(chunk[:-1], 2) == -1
    assert kernel(chunk, 3) == -1

"""Chunks to planes, and back to pixels."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra.numpy import arrays

from services.spotfinder.buffers import plane_of
from services.spotfinder.kernels import planes as p
from services.spotfinder.kernels.blocks import CUT_SHORT, HEADER_BYTES
from services.spotfinder.kernels.masks import mark_nonzero
from services.spotfinder.kernels.unfold import place_higher, place_lowest, swap_bits, unfold, unfold_block, unfold_bytes
from tests.spotfinder.kernels.exposures import TYPES, both, exposures, planes_of
from tests.spotfinder.nexus_files import encoded

BLOCKS_PX = [0, 8, 24, 64, 200]


def chunk_of(image, block_px=0):
    """Its bytes, and buffers for a block."""
    chunk = np.frombuffer(encoded(image, block_px), np.uint8)
    in_blocks = image.size // 8 * 8 * image.itemsize
    block = np.empty(min(int.from_bytes(chunk[8:12].tobytes()), max(in_blocks, 8 * image.itemsize)), np.uint8)
    return chunk, block, np.empty(block.size, np.uint8)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("fold", [p.fold, p.fold.py_func], ids=["compiled", "python"])
@given(data=st.data())
def test_planes_are_those_of_the_valid_pixels(fold, dtype, data):
    image, valid = data.draw(exposures(dtype))
    expected, margin = planes_of(np.where(valid, image, 0))
    planes, high = np.zeros_like(expected), np.zeros(image.size, dtype)
    chunk, block, _ = chunk_of(image, data.draw(st.sampled_from(BLOCKS_PX)))
    assert fold(chunk, HEADER_BYTES, block, plane_of(valid), margin, planes, high) == chunk.size
    assert np.array_equal(planes, expected)
    are_high = valid.ravel() & (image.ravel() >= 16)
    assert np.array_equal(high[are_high], image.ravel()[are_high])


def block_of(image):
    """The whole groups of eight pixels of an image, and the block that holds them."""
    pixels = image.ravel()[: image.size // 8 * 8]
    assume(pixels.size)
    bits = np.array([pixels >> k & 1 for k in range(8 * image.itemsize)], np.uint8)
    return pixels, np.packbits(bits, axis=1, bitorder="little").ravel()


@both(p.fold_block)
@given(exposure=exposures())
def test_a_block_is_folded(fold_block, exposure):
    image, block = block_of(exposure[0])
    valid = exposure[1].ravel()[: image.size]
    kept = np.packbits(valid, bitorder="little")
    planes = np.full((p.N_PLANES, kept.size), 255, np.uint8)
    values = np.where(valid, image, 0)
    assert fold_block(block, kept, planes) == (values > 15).any()
    assert np.array_equal(planes[p.RAISED], np.packbits(values > 1, bitorder="little"))
    assert np.array_equal(planes[p.HIGH], np.packbits(values > 15, bitorder="little"))


@both(p.copy_valid)
@both(p.drop_invalid)
def test_planes_are_cut_to_the_valid_pixels(copy_valid, drop_invalid):
    plane, valid, kept = np.array([0b1010, 1], np.uint8), np.array([0b0110, 2], np.uint8), np.zeros(2, np.uint8)
    copy_valid(plane, valid, kept)
    drop_invalid(plane, valid)
    assert kept.tolist() == plane.tolist() == [0b0010, 0]


@both(p.merge_four)
@both(p.join)
def test_planes_are_merged(merge_four, join):
    planes, merged = np.array([1, 16, 2, 0, 0, 32, 8, 0], np.uint8), np.array([4, 1], np.uint8)
    merge_four(planes, merged)
    assert merged.tolist() == [15, 49]
    joined = np.zeros(2, np.uint8)
    join(planes[:2], planes[2:4], planes[4:6], planes[6:], joined)
    assert joined.tolist() == [11, 48]


@both(p.merge_valid)
@pytest.mark.parametrize("n_planes", [4, 8, 28])
@given(data=st.data())
def test_planes_of_valid_pixels_are_merged(merge_valid, n_planes, data):
    sparse = st.sampled_from([0, 0, 0, 0, 1, 64])
    planes = data.draw(arrays(np.uint8, (n_planes, 5), elements=sparse, fill=st.just(0)))
    valid, merged = data.draw(arrays(np.uint8, 5)), np.full(5, 99, np.uint8)
    expected = np.bitwise_or.reduce(planes) & valid
    assert merge_valid(planes.ravel(), valid, merged) == expected.any()
    assert np.array_equal(merged, expected)


@pytest.mark.parametrize("dtype", TYPES)
@both(p.unfold_high)
@both(p.unfold_group)
@given(data=st.data())
def test_groups_with_high_pixels_are_unfolded(unfold_high, unfold_group, dtype, data):
    image, block = block_of(data.draw(exposures(dtype))[0])
    high = np.packbits(image > 15, bitorder="little")
    unfolded = np.zeros_like(image)
    unfold_high(block, high, unfolded)
    assert np.array_equal(unfolded, np.where(high.repeat(8), image, 0))
    for i in range(high.size):
        unfold_group(block, high.size, i, unfolded[8 * i : 8 * i + 8])
    assert np.array_equal(unfolded, image)


@both(p.fold_leftover)
@pytest.mark.parametrize("dtype", TYPES)
def test_pixels_after_the_last_block_are_folded(fold_leftover, dtype):
    image = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 17, 200, 16]], dtype)
    valid = np.ones(image.shape, np.bool_)
    valid[0, 11] = False
    expected, margin = planes_of(np.where(valid, image, 0))
    planes, high = np.zeros_like(expected), np.zeros(image.size, dtype)
    chunk = image[0, 8:].view(np.uint8)
    assert fold_leftover(chunk, 0, plane_of(valid), margin, planes, high) == chunk.size
    assert np.array_equal(planes, expected)
    assert high[10:].tolist() == [17, 0, 16]
    assert fold_leftover(chunk[:-1], 0, plane_of(valid), margin, planes, high) == CUT_SHORT


@pytest.mark.parametrize("dtype", TYPES)
@both(unfold)
@given(data=st.data())
def test_a_chunk_is_unfolded_to_its_image(unfold, dtype, data):
    image, exposed = data.draw(exposures(dtype))
    chunk, block, values = chunk_of(image, data.draw(st.sampled_from(BLOCKS_PX)))
    unfolded = np.full(image.size, 7, dtype)
    valid = data.draw(st.sampled_from([exposed, np.ones_like(exposed)]))
    plane = np.packbits(valid, bitorder="little")
    assert unfold(chunk, HEADER_BYTES, block, plane, values, unfolded) == chunk.size
    assert np.array_equal(unfolded[valid.ravel()], image[valid])


@pytest.mark.parametrize("dtype", TYPES)
@both(unfold_block)
@both(unfold_bytes)
@given(data=st.data())
def test_a_block_is_unfolded(unfold_block, unfold_bytes, dtype, data):
    image, block = block_of(data.draw(exposures(dtype))[0])
    n = image.size // 8
    values, unfolded = np.empty(8 * n, np.uint8), np.empty_like(image)
    unfold_block(block, np.full(n, 255, np.uint8), values, unfolded)
    assert np.array_equal(unfolded, image)
    for k in range(image.itemsize):
        unfold_bytes(block[8 * n * k : 8 * n * (k + 1)], n, values)
        assert np.array_equal(values, image >> 8 * k & 255)


@both(swap_bits)
def test_bits_change_places(swap_bits):
    assert swap_bits(np.uint8(0b11110101), np.uint8(0b00001010), 4) == (0b10100101, 0b00001111)
    assert swap_bits(np.uint8(0b11110101), np.uint8(0b00001010), 1) == (0b01010101, 0b01011010)


@both(place_lowest)
@both(place_higher)
def test_bytes_are_put_in_their_places(place_lowest, place_higher):
    image = np.full(3, 77, np.uint32)
    place_lowest(np.array([1, 2, 255], np.uint8), image)
    place_higher(np.array([0, 1, 255], np.uint8), 24, image)
    assert image.tolist() == [1, 0x01000002, 0xFF0000FF]


@both(mark_nonzero)
@given(exposure=exposures())
def test_pixels_that_are_not_zero_are_marked(mark_nonzero, exposure):
    image = np.where(exposure[1], exposure[0], 0)
    chunk, block, _ = chunk_of(image, 64)
    plane, every = np.zeros(-(-image.size // 8), np.uint8), np.full(block.size // 16, 255, np.uint8)
    assert mark_nonzero(chunk, HEADER_BYTES, block, every, 2, image.size, plane) == chunk.size
    assert np.array_equal(np.unpackbits(plane, count=image.size, bitorder="little"), image.ravel() > 0)

"""The blocks of a chunk, whole and broken."""

import numpy as np
import pytest

from services.spotfinder.kernels.blocks import CORRUPT, CUT_SHORT, HEADER_BYTES, LENGTH_BYTES, inflate, leftover
from tests.spotfinder.kernels.exposures import both
from tests.spotfinder.nexus_files import encoded

BLOCK = np.arange(64, dtype=np.uint8).repeat(2).reshape(8, 16)


@pytest.fixture
def chunk():
    chunk = np.frombuffer(encoded(BLOCK), np.uint8).copy()
    chunk.flags.writeable = False
    return chunk


@both(inflate)
def test_a_block_fills_its_buffer(inflate, chunk):
    block = np.zeros(BLOCK.size, np.uint8)
    assert inflate(chunk, HEADER_BYTES, block) == chunk.size
    planes = np.unpackbits(block.reshape(8, -1), axis=1, bitorder="little")
    assert np.array_equal(np.packbits(planes.T, axis=1, bitorder="little").ravel(), BLOCK.ravel())


@both(inflate)
@pytest.mark.parametrize("size", [HEADER_BYTES, HEADER_BYTES + LENGTH_BYTES - 1, HEADER_BYTES + LENGTH_BYTES, -1])
def test_a_block_that_is_cut_is_cut_short(inflate, chunk, size):
    assert inflate(chunk[:size], HEADER_BYTES, np.zeros(BLOCK.size, np.uint8)) == CUT_SHORT


@both(inflate)
@pytest.mark.parametrize("size", [BLOCK.size - 8, BLOCK.size + 8])
def test_a_block_of_another_size_is_corrupt(inflate, chunk, size):
    assert inflate(chunk, HEADER_BYTES, np.zeros(size, np.uint8)) == CORRUPT


@both(inflate)
def test_a_block_of_nonsense_is_corrupt(inflate):
    nonsense = np.frombuffer(bytes(HEADER_BYTES) + b"\0\0\0\x08" + b"\xff" * 8, np.uint8)
    assert inflate(nonsense, HEADER_BYTES, np.zeros(64, np.uint8)) == CORRUPT


@both(leftover)
def test_leftover_pixels_are_little_endian(leftover):
    chunk = np.array([9, 1, 2, 3, 4], np.uint8)
    assert [leftover(chunk, 1, size) for size in (1, 2, 4)] == [0x01, 0x0201, 0x04030201]

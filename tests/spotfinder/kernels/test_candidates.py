"""Candidates: pixels with neighbours to make a spot with."""

import numpy as np
from hypothesis import given
from scipy import ndimage

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels import candidates as c
from tests.spotfinder.kernels.exposures import bits_of, both, flags

CROSS = ndimage.generate_binary_structure(2, 1)
NEIGHBOURS = CROSS.astype(int) - np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def in_rows(array):
    """The array as planes see it: the last pixel of a row is beside the first of the next."""
    ny, nx = array.shape
    flat = np.pad(array.ravel(), nx + 1)
    at = np.arange(nx + 1, nx + 1 + array.size)
    return np.array([flat[at - 1], flat[at + 1], flat[at - nx], flat[at + nx]]).reshape(4, ny, nx)


@both(c.find_centres)
@given(raised=flags())
def test_centres_have_two_neighbours_or_more(find_centres, raised):
    margin, n_bytes = plane_layout(raised.shape)
    centres = np.zeros(n_bytes // 8, np.uint64)
    find_centres(plane_of(raised).view(np.uint64), raised.shape[1], margin // 8, centres)
    assert np.array_equal(bits_of(centres.view(np.uint8), raised.shape), raised & (in_rows(raised).sum(axis=0) >= 2))


@both(c.add_neighbours)
@given(raised=flags())
def test_candidates_are_centres_and_what_is_beside_them(add_neighbours, raised):
    margin, n_bytes = plane_layout(raised.shape)
    centres = raised & (in_rows(raised).sum(axis=0) >= 2)
    candidates = np.zeros(n_bytes // 8, np.uint64)
    n = add_neighbours(
        plane_of(centres).view(np.uint64), plane_of(raised).view(np.uint64), raised.shape[1], margin // 8, candidates
    )
    expected = raised & (centres | in_rows(centres).any(axis=0))
    assert np.array_equal(bits_of(candidates.view(np.uint8), raised.shape), expected)
    assert n == expected.sum()


@given(raised=flags())
def test_every_group_of_three_pixels_is_among_the_candidates(raised):
    labels, n = ndimage.label(raised)
    sizes = ndimage.sum_labels(raised, labels, np.arange(n + 1))
    margin, n_bytes = plane_layout(raised.shape)
    centres, candidates = np.zeros((2, n_bytes // 8), np.uint64)
    words = plane_of(raised).view(np.uint64)
    c.find_centres(words, raised.shape[1], margin // 8, centres)
    c.add_neighbours(centres, words, raised.shape[1], margin // 8, candidates)
    in_groups = (sizes >= 3)[labels] & raised
    assert bits_of(candidates.view(np.uint8), raised.shape)[in_groups].all()


@both(c.shifted_up)
@both(c.shifted_down)
def test_words_are_shifted_by_any_number_of_bits(shifted_up, shifted_down):
    before, word, after = (int.from_bytes(bytes(range(k, k + 8))) for k in (160, 10, 80))
    whole = before | word << 64 | after << 128
    for n in range(64):
        up = int(shifted_up(np.uint64(before), np.uint64(word), np.uint64(n)))
        down = int(shifted_down(np.uint64(word), np.uint64(after), np.uint64(n)))
        assert up == whole << n >> 64 & (1 << 64) - 1
        assert down == whole >> 64 >> n & (1 << 64) - 1

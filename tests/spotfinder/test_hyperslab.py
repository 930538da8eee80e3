"""Selections of images, against the list of what they select."""

from hypothesis import given, strategies as st

from services.spotfinder.images.hyperslab import Hyperslab


@st.composite
def hyperslabs(draw):
    block = draw(st.integers(1, 5))
    stride = draw(st.integers(block, 9))
    return Hyperslab(draw(st.integers(0, 9)), stride, draw(st.integers(1, 5)), block)


def selected(slab):
    return [slab.start + run * slab.stride + k for run in range(slab.runs) for k in range(slab.block)]


@given(hyperslabs(), st.integers(0, 80))
def test_the_rank_is_the_place_in_the_list(slab, image):
    images = selected(slab)
    assert slab.rank(image) == (images.index(image) if image in images else None)


@given(hyperslabs())
def test_the_image_of_each_rank_is_the_one_in_the_list(slab):
    images = selected(slab)
    assert [slab.image(rank) for rank in range(len(images))] == images


def test_a_selection_may_be_without_end():
    assert Hyperslab(3, 2, None, 1).rank(3 + 2 * 10**9) == 10**9

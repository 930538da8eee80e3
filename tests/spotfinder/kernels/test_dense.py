"""The test in single precision lets no strong pixel pass by; the exact one agrees with the definition."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels import dense as d
from services.spotfinder.kernels.dispersion import MAX_COUNT, Thresholds
from tests.spotfinder import naive
from tests.spotfinder.kernels.exposures import TYPES, bits_of, both, counted, exposures, sums_of

LEVELS = [0, 1, 3, 30, 255, 4000, 65000, 2**20, MAX_COUNT - 1, MAX_COUNT, 2**31 - 2]


@st.composite
def levels(draw):
    """An image of few and perhaps very high counts."""
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 90)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    level = draw(st.sampled_from(LEVELS))
    image = np.minimum(rng.poisson(level, shape), 2**31 - 2).astype(np.uint32)
    some = rng.random(shape) < draw(st.sampled_from([0.0, 0.02, 0.3]))
    image[some] = rng.choice(LEVELS, some.sum())
    valid = rng.random(shape) >= draw(st.sampled_from([0.0, 0.1]))
    return np.where(valid, image, 0).astype(np.uint32), valid


def excess_of(image, valid, nsigma):
    """How far each pixel is above its threshold, in counts times pixels; and what is rounding [same]."""
    n = counted(valid & (image < MAX_COUNT)).astype(float)
    x = sums_of(np.where(image <= d.HIGHEST, image, 0))[0].astype(float)
    return n * image - x - nsigma * np.sqrt(x * n), 1e-4 * (n * image + x + 1)


@both(d.find_excess)
@given(exposure=st.one_of(levels(), *(exposures(dtype) for dtype in TYPES)), nsigma=st.sampled_from([0.5, 3.0, 10.0]))
def test_pixels_above_the_means_of_their_windows_are_marked(find_excess, exposure, nsigma):
    image, valid = exposure
    image = np.where(valid, image, 0).astype(image.dtype)
    margin, n_bytes = plane_layout(image.shape)
    plane = np.full(n_bytes, 255, np.uint8)
    with np.errstate(over="ignore"):  # words wrap on purpose
        find_excess(image, counted(valid & (image < MAX_COUNT)), nsigma, plane[margin : margin + -(-image.size // 8)])
    marked = bits_of(plane, image.shape)
    excess, rounding = excess_of(image, valid, nsigma)
    assert marked[excess > 0].all()
    assert not marked[excess < -rounding].any()
    after_the_last = np.unpackbits(plane[margin:], bitorder="little")[image.size : -(-image.size // 8) * 8]
    assert not after_the_last.any()


@both(d.flag_excess)
def test_pixels_are_flagged_that_exceed_the_mean_by_three_sigma(flag_excess):
    flags = np.zeros(4, np.uint8)
    row = np.array([18, 17, 2**31 - 2, 0], np.uint32)  # a mean of 9 and three times 3
    windows = np.array([49 * 9, 49 * 9, 49 * d.HIGHEST, 0], np.uint16)
    flag_excess(row, np.full(4, 49, np.uint8), windows, np.float32(9 * (1 - d.SLACK)), flags)
    assert flags.tolist() == [1, 0, 1, 0]


@both(d.replace_row)
@pytest.mark.parametrize("dtype", TYPES)
def test_a_row_comes_in_and_another_goes_out(replace_row, dtype):
    columns = np.array([5, 6, 7], np.uint16)
    with np.errstate(over="ignore"):  # sums wrap on the way
        replace_row(np.array([1, 2, 255], dtype), np.array([0, 6, 7], dtype), columns)
    assert columns.tolist() == [6, 2, 255]


@both(d.replace_row)
def test_counts_too_high_to_be_summed_are_left_out(replace_row):
    columns = np.full(2, 9, np.uint16)
    with np.errstate(over="ignore"):
        replace_row(np.array([2**32 - 1, 8], np.uint32), np.array([7, d.HIGHEST + 1], np.uint32), columns)
    assert columns.tolist() == [2, 17]
    assert 49 * d.HIGHEST < 2**16


@both(d.add_columns)
def test_seven_columns_make_a_window(add_columns):
    columns, windows = np.arange(20, dtype=np.uint16) ** 2, np.zeros(14, np.uint16)
    add_columns(columns, windows)
    assert windows.tolist() == [sum(k * k for k in range(i, i + 7)) for i in range(14)]


@both(d.pack)
@given(bits=st.lists(st.booleans(), min_size=64, max_size=64))
def test_flags_are_packed_to_bits(pack, bits):
    plane = np.zeros(8, np.uint8)
    with np.errstate(over="ignore"):
        pack(np.array(bits, np.uint8).view(np.uint64), plane)
    assert np.array_equal(plane, np.packbits(bits, bitorder="little"))


@both(d.threshold_pixels)
@both(d.sum_window)
@given(exposure=st.one_of(levels(), *(exposures(dtype) for dtype in TYPES)))
def test_the_threshold_agrees_with_the_definition(threshold_pixels, sum_window, exposure):
    image, valid = exposure
    image = np.where(valid, image, 0).astype(image.dtype)
    margin, _ = plane_layout(image.shape)
    strong, candidates = np.empty(image.size, np.int32), plane_of(valid).view(np.uint64)
    n_valid = counted(valid & (image < MAX_COUNT))
    n = threshold_pixels(candidates, 8 * margin, image, n_valid, Thresholds(), strong)
    assert strong[:n].tolist() == np.flatnonzero(naive.strong_pixels(image, valid)).tolist()
    total, total_sq = sums_of(np.where(image < MAX_COUNT, image, 0))
    j, i = image.shape[0] // 2, image.shape[1] // 2
    assert sum_window(image, j, i) == (total[j, i], total_sq[j, i])

"""The test in single precision lets no strong pixel pass by; the exact one agrees with the definition."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels import dense as d
from services.spotfinder.kernels.dispersion import MAX_COUNT, Thresholds
from tests.spotfinder import naive
from tests.spotfinder.kernels.exposures import TYPES, bits_of, both, counted, exposures, sums_of

LEVELS = [0, 1, 3, 30, 255, 4000, 65000, 2**20, d.CLIP - 1, d.CLIP, MAX_COUNT - 1]


@st.composite
def levels(draw):
    """An image of few and perhaps very high counts."""
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 90)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    level = draw(st.sampled_from(LEVELS))
    image = np.minimum(rng.poisson(level, shape), MAX_COUNT - 1).astype(np.uint32)
    some = rng.random(shape) < draw(st.sampled_from([0.0, 0.02, 0.3]))
    image[some] = rng.choice(LEVELS, some.sum())
    valid = rng.random(shape) >= draw(st.sampled_from([0.0, 0.1]))
    return np.where(valid, image, 0).astype(np.uint32), valid


def excess_of(image, valid, nsigma):
    """How far each pixel is above its threshold, in counts times pixels; and what is rounding [same]."""
    n, x = counted(valid).astype(float), sums_of(image)[0].astype(float)
    return n * image - x - nsigma * np.sqrt(x * n), 1e-4 * (n * image + x + 1)


@both(d.find_excess)
@given(exposure=st.one_of(levels(), *(exposures(dtype) for dtype in TYPES)), nsigma=st.sampled_from([0.5, 3.0, 10.0]))
def test_pixels_above_the_means_of_their_windows_are_marked(find_excess, exposure, nsigma):
    image, valid = exposure
    image = np.where(valid, image, 0).astype(image.dtype)
    margin, n_bytes = plane_layout(image.shape)
    plane = np.full(n_bytes, 255, np.uint8)
    with np.errstate(over="ignore"):  # words wrap on purpose
        find_excess(image, counted(valid), nsigma, plane[margin : margin + -(-image.size // 8)])
    marked = bits_of(plane, image.shape)
    excess, rounding = excess_of(image, valid, nsigma)
    assert marked[excess > 0].all()
    assert image.max() >= d.CLIP or not marked[excess < -rounding].any()
    after_the_last = np.unpackbits(plane[margin:], bitorder="little")[image.size : -(-image.size // 8) * 8]
    assert not after_the_last.any()


@both(d.flag_excess)
def test_clipped_pixels_are_always_flagged(flag_excess):
    flags = np.zeros(3, np.uint8)
    row = np.array([d.CLIP, d.CLIP - 1, MAX_COUNT - 1], np.uint32)
    windows = np.full(3, 49 * d.CLIP, np.int32)
    flag_excess(row, np.full(3, 49, np.uint8), windows, np.float32(9), flags)
    assert flags.tolist() == [1, 0, 1]


@both(d.replace_row)
@pytest.mark.parametrize("dtype", TYPES)
def test_a_row_comes_in_and_another_goes_out(replace_row, dtype):
    columns = np.array([5, 6, 7], np.int32)
    replace_row(np.array([1, 2, 255], dtype), np.array([0, 6, 7], dtype), columns)
    assert columns.tolist() == [6, 2, 255]


@both(d.replace_row)
def test_counts_that_do_not_fit_are_clipped(replace_row):
    columns = np.zeros(1, np.int32)
    replace_row(np.array([2**32 - 1], np.uint32), np.array([7], np.uint32), columns)
    assert columns.tolist() == [d.CLIP - 7]


@both(d.add_columns)
def test_seven_columns_make_a_window(add_columns):
    columns, windows = np.arange(20, dtype=np.int32) ** 2, np.zeros(14, np.int32)
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
    n = threshold_pixels(candidates, 8 * margin, image, counted(valid), Thresholds(), strong)
    assert strong[:n].tolist() == np.flatnonzero(naive.strong_pixels(image, valid)).tolist()
    total, total_sq = sums_of(image)
    j, i = image.shape[0] // 2, image.shape[1] // 2
    assert sum_window(image, j, i) == (total[j, i], total_sq[j, i])

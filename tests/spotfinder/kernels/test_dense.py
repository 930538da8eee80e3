"""The test on whole numbers of 16 bits lets no strong pixel pass by; the exact one agrees with the definition."""

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
    """How far each pixel is above its threshold if no count is higher than the sums hold, in counts times pixels."""
    n = counted(valid & (image < MAX_COUNT)).astype(float)
    highest = 127 if image.dtype == np.uint8 else d.HIGHEST
    x = sums_of(np.where(image < MAX_COUNT, np.minimum(image, highest), 0))[0].astype(float)
    return np.where(image > highest, np.inf, n * image - x - min(nsigma, 4.57) * np.sqrt(x * n))


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
    excess = excess_of(image, valid, nsigma)
    assert marked[excess > 0].all()
    assert not marked[excess < -40].any()  # of squares, 1024 and less are rounded away
    after_the_last = np.unpackbits(plane[margin:], bitorder="little")[image.size : -(-image.size // 8) * 8]
    assert not after_the_last.any()


@both(d.find_excess)
@given(seed=st.integers(0, 2**32), level=st.sampled_from([0.3, 2.0, 30.0, 90.0]))
def test_every_pixel_above_its_mean_by_three_sigma_is_marked(find_excess, seed, level):
    """By definition, in exact arithmetic; the sums leave some counts out."""
    image = np.random.default_rng(seed).poisson(level, (12, 40)).astype(np.uint8)
    image[::5, ::7] = 255
    n, x = counted(np.ones(image.shape, np.bool_)).astype(int), sums_of(image)[0].astype(int)
    plane = np.zeros(image.size // 8, np.uint8)
    with np.errstate(over="ignore"):
        find_excess(image, n.astype(np.uint8), 3.0, plane)
    excess = n * image - x
    exceeds = (excess > 0) & (excess**2 > 9 * n * x)
    assert np.unpackbits(plane, bitorder="little").reshape(image.shape)[exceeds].all()


@both(d.squared_sigma)
def test_a_threshold_is_squared_in_sixtyfourths(squared_sigma):
    assert squared_sigma(3.0) == 9 * 64
    assert squared_sigma(0.1) == 0
    assert 49 * int(squared_sigma(1e9)) < 2**16


@both(d.flag_excess)
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_pixels_are_flagged_that_exceed_the_mean_by_three_sigma(flag_excess, dtype):
    row = np.array([19, 17, d.HIGHEST + 1, 0, d.HIGHEST, 1, 0], dtype)  # a mean of 9 and three times 3
    windows = np.array([49 * 9, 49 * 9, 49 * d.HIGHEST, 0, d.HIGHEST, 1, 1], np.uint16)
    flags = np.zeros(row.size, np.uint8)
    with np.errstate(over="ignore"):
        flag_excess(row, np.full(row.size, 49, np.uint8), windows, np.uint16(576), flags)
    assert flags.tolist() == [1, 0, 1, 0, 1, 1, 0]


@both(d.summed)
@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 127), (np.uint16, d.HIGHEST), (np.uint32, d.HIGHEST)])
def test_two_pixels_and_a_window_fit_their_types(summed, dtype, highest):
    assert summed(np.zeros(1, dtype)) == highest
    assert 2 * highest <= np.iinfo(dtype).max
    assert 49 * highest < 2**16


@both(d.keep_low)
@pytest.mark.parametrize("dtype", TYPES)
def test_higher_counts_become_the_limit(keep_low, dtype):
    kept = np.full(4, 9, dtype)
    keep_low(np.array([0, 126, 127, 255], dtype), 127, kept)
    assert kept.tolist() == [0, 126, 127, 127]


@both(d.keep_low)
def test_counts_that_no_window_counts_become_zero(keep_low):
    kept = np.full(3, 9, np.uint32)
    keep_low(np.array([MAX_COUNT - 1, MAX_COUNT, 2**32 - 1], np.uint32), 1337, kept)
    assert kept.tolist() == [1337, 0, 0]


@both(d.add_pairs)
@both(d.replace_row)
@pytest.mark.parametrize("dtype", TYPES)
def test_seven_pixels_of_a_row_take_the_place_of_others(add_pairs, replace_row, dtype):
    row, pairs = np.arange(20).astype(dtype) * 6, np.zeros(18, dtype)
    sums, windows = np.full(14, 5, np.uint16), np.full(14, 25, np.uint16)
    add_pairs(row, pairs)
    assert pairs.tolist() == [12 * i + 6 for i in range(18)]
    with np.errstate(over="ignore"):  # differences wrap on the way
        replace_row(row, pairs, sums, windows)
    assert sums.tolist() == [6 * sum(range(i, i + 7)) for i in range(14)]
    assert windows.tolist() == [20 + total for total in sums]


@both(d.pack)
@given(bits=st.lists(st.booleans(), min_size=64, max_size=64))
def test_flags_are_packed_to_bits(pack, bits):
    plane = np.zeros(8, np.uint8)
    with np.errstate(over="ignore"):
        pack(np.array(bits, np.uint8).view(np.uint64), plane)
    assert np.array_equal(plane, np.packbits(bits, bitorder="little"))


@both(d.threshold_pixels)
@both(d.sum_window)
@pytest.mark.parametrize("in_bytes", [False, True])
@given(exposure=st.one_of(levels(), *(exposures(dtype) for dtype in TYPES)))
def test_the_threshold_agrees_with_the_definition(threshold_pixels, sum_window, in_bytes, exposure):
    image, valid = exposure
    image = np.where(valid, image, 0).astype(image.dtype)
    low, counts = image, image
    if in_bytes:
        low, counts = np.minimum(image, 128).astype(np.uint8), np.where(image > 127, image, 99).astype(image.dtype)
    margin, _ = plane_layout(image.shape)
    strong, candidates = np.empty(image.size, np.int32), plane_of(valid).view(np.uint64)
    n_valid = counted(valid & (image < MAX_COUNT))
    total, total_sq = sums_of(np.where(image < MAX_COUNT, image, 0))
    j, i = image.shape[0] // 2, image.shape[1] // 2
    assert sum_window(low, counts, j, i) == (total[j, i], total_sq[j, i])
    n = threshold_pixels(candidates, 8 * margin, low, counts, n_valid, Thresholds(), strong)
    assert strong[:n].tolist() == np.flatnonzero(naive.strong_pixels(image, valid)).tolist()
    assert np.array_equal(counts.flat[strong[:n]], image.flat[strong[:n]])

"""The extended dispersion threshold: each kernel against its naive definition, all of them against DIALS."""

import subprocess
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from benchmarks.spotfinder.compare_with_dials import DIALS_PYTHON, ROOT
from services.spotfinder.finder import Parameters, SpotFinder, lowest_bright
from services.spotfinder.kernels import extended
from services.spotfinder.kernels.dispersion import MAX_COUNT, Thresholds
from services.spotfinder.kernels.extended import BLOCK
from tests.spotfinder.kernels.exposures import both

TYPES = [np.uint8, np.uint16, np.uint32]
EXTENDED = Parameters(algorithm="dispersion_extended")
SATURATION = 1 << 28
shapes = st.tuples(st.integers(1, 25), st.integers(1, 2 * BLOCK + 20))
thresholds = st.builds(
    Thresholds,
    st.sampled_from([6.0, 1.0, 12.0]),
    st.sampled_from([3.0, 0.5, 6.0]),
    st.sampled_from([2, 9, 40]),
    st.sampled_from([0.0, 7.0]),
)


def exposure(rng, shape, background, invalid=0.0, hot=0.0):
    """Broad spots on a flat background, hot pixels and invalid pixels that hold the detector's marker."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    expected = np.full(shape, background)
    for centre_y, centre_x, height in rng.random((1 + y.size // 500, 3)) * (*shape, 80):
        expected += height * np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / 3)
    is_hot = rng.random(shape) < hot
    valid = rng.random(shape) >= invalid
    image = np.where(is_hot, rng.integers(1, 2 * MAX_COUNT, shape), rng.poisson(expected))
    return np.where(valid, image, np.iinfo(np.uint32).max).astype(np.uint32), valid


@st.composite
def exposures(draw, dtype=np.uint32):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    background, invalid, hot = (draw(st.sampled_from(v)) for v in ([0.02, 0.3, 5.0], [0.0, 0.02, 0.5], [0.0, 0.003]))
    image, valid = exposure(rng, draw(shapes), background, invalid, hot)
    return np.minimum(image, np.iinfo(dtype).max).astype(dtype), valid


def window_sums(array, width):
    """Of the window around each pixel, clipped at the edges; exact below 2**53."""
    return ndimage.convolve(array.astype(float), np.ones((width, width)), mode="constant")


def counted(image, where):
    """Number, counts and squared counts of the pixels that enter sums, an image each."""
    is_counted = where & (image < MAX_COUNT)
    value = np.where(is_counted, image, 0).astype(float)
    return is_counted, value, value * value


def dispersed_by_definition(image, trusted, thresholds):
    m, x, y = (window_sums(a, 7) for a in counted(image, trusted))
    limit = x * thresholds.nsigma_b * np.sqrt(2 * np.maximum(m - 1, 0))
    return trusted & (m >= thresholds.min_local) & (m * y - x * x - x * (m - 1) > limit)


def background_by_definition(dispersed, trusted):
    return trusted & ~ndimage.minimum_filter(dispersed, 5, mode="constant", cval=True)


def above_by_definition(image, background, thresholds):
    m, x = (window_sums(a, 11) for a in counted(image, background)[:2])
    mean = np.where(m >= 2, x / np.maximum(m, 1), 0)
    return (image > thresholds.global_threshold) & (image >= mean + thresholds.nsigma_s * np.sqrt(mean))


def strong_by_definition(image, trusted, thresholds):
    background = background_by_definition(dispersed_by_definition(image, trusted, thresholds), trusted)
    return np.flatnonzero(trusted & ~background & above_by_definition(image, background, thresholds))


def listed(threshold_extended, image, valid, thresholds, saturation=SATURATION):
    strong = np.empty(image.size, np.int32)
    lowest = lowest_bright(thresholds.nsigma_b)
    return strong[: threshold_extended(image, valid, saturation, lowest, thresholds, strong)].tolist()


@pytest.mark.parametrize("dtype", TYPES)
@both(extended.threshold_extended)
@given(data=st.data())
def test_the_strong_pixels_are_those_of_the_definition(threshold_extended, dtype, data):
    image, valid = data.draw(exposures(dtype))
    chosen = data.draw(thresholds)
    assert listed(threshold_extended, image, valid, chosen) == strong_by_definition(image, valid, chosen).tolist()


@both(extended.threshold_extended)
@given(exposure=exposures())
def test_saturated_pixels_are_as_good_as_invalid(threshold_extended, exposure):
    image, valid = exposure
    expected = listed(threshold_extended, image, valid & (image < 40), Thresholds())
    assert listed(threshold_extended, image, valid, Thresholds(), saturation=40) == expected


@both(extended.find_trusted)
@given(exposure=exposures())
def test_trusted_are_the_valid_pixels_below_saturation(find_trusted, exposure):
    image, valid = exposure
    trusted = np.empty(image.shape, np.bool_)
    find_trusted(image, valid, 7, trusted)
    assert np.array_equal(trusted, valid & (image < 7))


def column_sums(image, where, j, columns, half_width):
    """By definition, as ``sum_columns`` leaves them; ``columns`` may lie beside the image."""
    rows = slice(max(0, j - half_width), j + half_width + 1)
    sums = np.array([[int(v) for v in a[rows].sum(axis=0)] for a in counted(image, where)])
    inside = (columns >= 0) & (columns < image.shape[1])
    return np.where(inside, sums[:, np.clip(columns, 0, image.shape[1] - 1)], 0)


@both(extended.sum_columns)
@given(exposure=exposures(), data=st.data())
def test_columns_are_summed_over_the_rows_of_a_window(sum_columns, exposure, data):
    image, valid = exposure
    j, start = (data.draw(st.integers(0, size - 1)) for size in image.shape)
    half_width = data.draw(st.sampled_from([3, 5]))
    sums = np.full((3, BLOCK + 2 * half_width), -1)
    sum_columns(image, valid, j, start, half_width, sums)
    columns = start - half_width + np.arange(sums.shape[1])
    assert np.array_equal(sums, column_sums(image, valid, j, columns, half_width))


@both(extended.add_row)
@given(exposure=exposures(), first=st.integers(-5, 20), j=st.integers(-3, 30))
def test_a_row_added_and_taken_away_leaves_the_sums_as_they_were(add_row, exposure, first, j):
    image, valid = exposure
    first = min(first, image.shape[1] - 1)
    sums = np.zeros((3, BLOCK), np.int64)
    add_row(image, valid, j, first, sums, 1)
    is_inside = 0 <= j < image.shape[0]
    assert np.array_equal(sums, column_sums(image, valid, j, first + np.arange(BLOCK), 0) * is_inside)
    add_row(image, valid, j, first, sums, -1)
    assert not sums.any()


@both(extended.find_dispersed)
@given(exposure=exposures(), chosen=thresholds)
def test_dispersed_are_the_pixels_whose_windows_vary_too_much(find_dispersed, exposure, chosen):
    image, valid = exposure
    dispersed = np.empty(image.shape, np.bool_)
    find_dispersed(image, valid, lowest_bright(chosen.nsigma_b), chosen, dispersed)
    assert np.array_equal(dispersed, dispersed_by_definition(image, valid, chosen))


@both(extended.mark_dispersed)
@given(exposure=exposures(), chosen=thresholds, data=st.data())
def test_a_block_is_tested_from_the_sums_of_its_columns(mark_dispersed, exposure, chosen, data):
    image, valid = exposure
    j = data.draw(st.integers(0, image.shape[0] - 1))
    dispersed = np.empty(image.shape[1], np.bool_)
    sums = column_sums(image, valid, j, np.arange(-3, image.shape[1] + 3), 3)
    mark_dispersed(sums, valid[j], chosen, dispersed)
    assert np.array_equal(dispersed, dispersed_by_definition(image, valid, chosen)[j])


@both(extended.note_bright)
@given(exposure=exposures())
def test_a_bright_pixel_is_noted_for_each_block_whose_windows_reach_it(note_bright, exposure):
    image, valid = exposure
    j, nx = image.shape[0] - 1, image.shape[1]
    bright = np.flatnonzero(valid[j] & (image[j] >= 3))
    last_bright = np.full(-(-nx // BLOCK), extended.NEVER)
    note_bright(image, valid, j, 3, last_bright)
    reach = {column // BLOCK for i in bright for column in (i - 3, i, i + 3)}
    assert set(np.flatnonzero(last_bright == j)) == reach & set(range(last_bright.size))


@both(extended.find_background)
@given(shape=shapes, seed=st.integers(0, 2**32), fraction=st.sampled_from([0.9, 0.99, 1.0]))
def test_background_is_all_but_the_eroded_dispersed_pixels(find_background, shape, seed, fraction):
    rng = np.random.default_rng(seed)
    trusted = rng.random(shape) < fraction
    dispersed = trusted & (rng.random(shape) < fraction)
    background = np.empty(shape, np.bool_)
    find_background(dispersed, trusted, background)
    assert np.array_equal(background, background_by_definition(dispersed, trusted))


@both(extended.find_above_background)
@given(exposure=exposures(), seed=st.integers(0, 2**32), chosen=thresholds)
def test_foreground_is_compared_with_the_background_around_it(find_above_background, exposure, seed, chosen):
    image, valid = exposure
    background = valid & (np.random.default_rng(seed).random(image.shape) < 0.7)
    strong = np.empty(image.size, np.int32)
    n = find_above_background(image, valid, background, chosen, strong)
    expected = valid & ~background & above_by_definition(image, background, chosen)
    assert strong[:n].tolist() == np.flatnonzero(expected).tolist()


@both(extended.is_above_background)
def test_a_pixel_as_high_as_the_limit_is_above_background(is_above_background):
    assert is_above_background(10, 120, 4 * 120, Thresholds())  # 4 + 3 sqrt(4)
    assert not is_above_background(9, 120, 4 * 120, Thresholds())
    assert not is_above_background(10, 120, 4 * 120, Thresholds(global_threshold=10.0))
    assert is_above_background(1, 1, 500, Thresholds())  # one pixel is no background


@both(extended.differ)
def test_masks_differ_in_one_pixel(differ):
    mask = np.zeros(9, np.bool_)
    assert not differ(mask, mask)
    assert differ(mask, np.arange(9) == 8)


def difficult_exposures():
    """Dark and bright, masked, with hot pixels and at every kind of edge."""
    rng = np.random.default_rng(7)
    shapes = [(120, 200), (1, 90), (70, 3), (64, 64), (9, 129)]
    several = product(shapes, [0.02, 0.3, 5.0, 100.0], [0, 0.02, 0.4], [0, 0.003])
    for case in several:
        yield exposure(rng, *case), Thresholds()
    for chosen in (Thresholds(1.0, 0.5, 9, 7.0), Thresholds(12.0, 6.0, 40, 0.0), Thresholds(3.0, 2.0, 49, 2.0)):
        yield exposure(rng, (120, 200), 0.5, invalid=0.05, hot=0.001), chosen


@pytest.mark.dials
def test_every_strong_pixel_is_one_of_dials_and_the_reverse(tmp_path):
    cases = list(difficult_exposures())
    for n, ((image, mask), chosen) in enumerate(cases):
        np.savez(tmp_path / f"exposure_{n}.npz", image=image, mask=mask, thresholds=np.array(chosen, float))
    script = ROOT / "benchmarks/spotfinder/dials_threshold.py"
    subprocess.run([DIALS_PYTHON, str(script), str(tmp_path)], check=True)
    dials = [np.flatnonzero(np.load(tmp_path / f"strong_{n}.npy")).tolist() for n in range(len(cases))]
    ours = [listed(extended.threshold_extended, *exposure, chosen) for exposure, chosen in cases]
    assert ours == dials
    assert sum(map(len, dials)) > 10_000


def test_the_finder_extends_spots_to_their_skirts():
    y, x = np.mgrid[:60, :60]
    image = np.random.default_rng(1).poisson(1 + 60 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 8)).astype(np.int32)
    finder = SpotFinder(np.ones(image.shape, np.bool_))
    (narrow,), (broad,) = finder.find_spots(image).n_pixels, finder.find_spots(image, EXTENDED).n_pixels
    assert broad > narrow


def test_negative_counts_are_invalid_for_the_extended_threshold_too():
    image, valid = exposure(np.random.default_rng(3), (80, 90), 0.3, invalid=0.01)
    marked = np.where(valid, image, 0xFFFF_FFFE).astype(np.uint32)
    found = SpotFinder(np.ones_like(valid)).find_spots(marked.view(np.int32), EXTENDED)
    assert len(found.x) > 5
    assert np.array_equal(found, SpotFinder(valid).find_spots(marked, EXTENDED))

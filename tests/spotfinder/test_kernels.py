"""Each kernel against its naive definition, compiled and as plain Python."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from services.spotfinder import grouping, kernels
from services.spotfinder.finder import lowest_bright
from services.spotfinder.kernels import HALF_WIDTH, Thresholds
from tests.spotfinder import naive

TYPES = [np.uint8, np.uint16, np.uint32]
shapes = st.tuples(st.integers(1, 20), st.integers(1, 80))
counts = st.integers(0, 2**16)


def both(kernel):
    return pytest.mark.parametrize(kernel.__name__, [kernel, kernel.py_func], ids=["compiled", "python"])


@st.composite
def exposures(draw, dtype=np.uint16):
    """A dim image with some bright pixels, and a mask whose invalid pixels hold the detector's marker."""
    shape = draw(shapes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.poisson(draw(st.sampled_from([0.02, 0.3, 3.0])), shape).astype(dtype)
    spots = rng.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.1]))
    image[spots] += rng.integers(1, 200, spots.sum()).astype(dtype)
    valid = rng.random(shape) >= draw(st.sampled_from([0.0, 0.05, 0.6]))
    image[~valid] = np.iinfo(dtype).max
    return image, valid


def windows(array):
    """The 7 x 7 window around each pixel, clipped at the edges."""
    for j, i in np.ndindex(array.shape):
        yield array[
            max(0, j - HALF_WIDTH) : j + HALF_WIDTH + 1,
            max(0, i - HALF_WIDTH) : i + HALF_WIDTH + 1,
        ]


def counted(valid):
    n_valid = np.zeros(valid.shape, np.uint8)
    kernels.count_valid(valid, n_valid)
    return n_valid


def strong_by_definition(image, valid):
    return np.flatnonzero(naive.strong_pixels(image, valid)).tolist()


@both(kernels.is_strong)
@given(window=st.lists(counts, min_size=2, max_size=49), pixel=counts)
def test_is_strong_agrees_with_its_definition(is_strong, window, pixel):
    n, total, total_sq = len(window), sum(window), sum(v * v for v in window)
    mean, variance = total / n, np.var(window, ddof=1)
    margin_b = variance - mean * (1 + 6 * np.sqrt(2 / (n - 1)))
    margin_s = pixel - mean - 3 * np.sqrt(mean)
    assume(min(abs(margin_b), abs(margin_s)) > 1e-6)  # off the knife edge, where rounding decides
    assert is_strong(pixel, n, total, total_sq, Thresholds()) == (margin_b > 0 and margin_s > 0)


@both(kernels.is_strong)
def test_a_pixel_needs_neighbours_and_more_than_the_global_threshold(is_strong):
    passing = (100, 9, 108, 10008)
    assert is_strong(*passing, Thresholds())
    assert not is_strong(*passing, Thresholds(min_local=10))
    assert not is_strong(*passing, Thresholds(global_threshold=100.0))


@both(kernels.count_valid)
@given(exposure=exposures())
def test_valid_pixels_are_counted_in_each_window(count_valid, exposure):
    _, valid = exposure
    n_valid = np.zeros(valid.shape, np.uint8)
    count_valid(valid, n_valid)
    assert n_valid.ravel().tolist() == [window.sum() for window in windows(valid)]


@both(kernels.change_valid)
@given(exposure=exposures(), data=st.data())
def test_changing_pixels_keeps_the_window_counts_true(change_valid, exposure, data):
    _, valid = exposure
    n_valid = counted(valid)
    some = np.flatnonzero(valid)[:: data.draw(st.integers(1, 5))].astype(np.int32)
    before = valid.copy(), n_valid.copy()

    change_valid(valid, n_valid, some, to=False)
    assert not valid.flat[some].any()
    assert np.array_equal(n_valid, counted(valid))

    change_valid(valid, n_valid, some, to=True)
    assert np.array_equal(valid, before[0])
    assert np.array_equal(n_valid, before[1])


@pytest.mark.parametrize("dtype", TYPES)
@both(kernels.find_bright)
@given(data=st.data())
def test_bright_pixels_are_listed_in_order(find_bright, dtype, data):
    image, valid = data.draw(exposures(dtype))
    bright = np.empty(image.size + 1, np.int32)
    n = find_bright(image, valid, 3, bright)
    assert bright[:n].tolist() == np.flatnonzero(valid & (image >= 3)).tolist()


@both(kernels.find_bright)
def test_the_list_of_bright_pixels_stops_when_it_is_full(find_bright):
    image = np.full((4, 70), 9, np.uint16)
    bright = np.empty(5, np.int32)
    assert find_bright(image, np.ones(image.shape, np.bool_), 3, bright) == 5
    assert bright.tolist() == [0, 1, 2, 3, 4]


@both(kernels.threshold_dense)
@given(exposure=exposures())
def test_the_dense_threshold_agrees_with_the_definition(threshold_dense, exposure):
    image, valid = exposure
    strong = np.empty(image.size, np.int32)
    n = threshold_dense(image, valid, counted(valid), Thresholds(), strong)
    assert strong[:n].tolist() == strong_by_definition(image, valid)


@both(kernels.threshold_sparse)
@given(exposure=exposures())
def test_the_sparse_threshold_agrees_with_the_definition(threshold_sparse, exposure):
    image, valid = exposure
    bright = np.flatnonzero(valid & (image >= lowest_bright(6.0))).astype(np.int32)
    strong = np.empty(image.size, np.int32)
    n = threshold_sparse(image, valid, counted(valid), bright, Thresholds(), strong)
    assert strong[:n].tolist() == strong_by_definition(image, valid)


def test_the_largest_counts_do_not_overflow():
    image = np.full((7, 7), kernels.MAX_COUNT - 1, np.uint32)
    total, total_sq = kernels.sum_window(image, np.ones((7, 7), np.bool_), 49, 3, 3)
    assert (total, total_sq) == (49 * (kernels.MAX_COUNT - 1), 49 * (kernels.MAX_COUNT - 1) ** 2)


@both(grouping.label_pixels)
@given(strong=arrays(np.bool_, shapes))
def test_labels_are_the_4_connected_components(label_pixels, strong):
    pixels = np.flatnonzero(strong).astype(np.int32)
    labels = np.empty(pixels.size, np.int32)
    n = label_pixels(pixels, strong.shape[1], labels)
    expected, n_expected = ndimage.label(strong)
    assert n == n_expected
    assert len(set(zip(labels, expected.flat[pixels], strict=True))) == n


@both(grouping.add_up_spots)
@given(exposure=exposures())
def test_spots_add_up_their_pixels(add_up_spots, exposure):
    image, valid = exposure
    strong = valid & (image > 0)
    components, n = ndimage.label(strong)
    pixels = np.flatnonzero(strong).astype(np.int32)
    spots = np.zeros(n, grouping.SPOT)
    add_up_spots(image, pixels, (components.flat[pixels] - 1).astype(np.int32), spots)
    for label, spot in enumerate(spots, 1):
        y, x = np.nonzero(components == label)
        values = image[y, x].astype(float)
        peak = values.argmax()
        assert (spot["n_pixels"], spot["counts"], spot["peak"]) == (values.size, values.sum(), values.max())
        assert (spot["peak_x"], spot["peak_y"]) == (x[peak] + 0.5, y[peak] + 0.5)
        assert (spot["x"], spot["y"]) == ((values * (x + 0.5)).sum(), (values * (y + 0.5)).sum())

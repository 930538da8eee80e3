"""The finder as a whole: images of crystals, and one rule at a time."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.spotfinder.finder import Parameters, SpotFinder, lowest_bright
from services.spotfinder.kernels.dispersion import WINDOW_SIZE
from tests.spotfinder import naive


def crystal_image(rng, background, dtype=np.uint16, shape=(120, 200), n_spots=25):
    """Gaussian spots on a flat background, with a module gap and dead pixels marked as the detector does."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    expected = np.full(shape, background)
    for centre_y, centre_x, height in rng.random((n_spots, 3)) * (*shape, 60):
        expected += height * np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / 2)
    valid = rng.random(shape) > 0.01
    valid[50:57] = False
    return np.where(valid, rng.poisson(expected), np.iinfo(dtype).max).astype(dtype), valid


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("background", [0.01, 0.1, 4.0])  # sparse threshold, sparse and dense
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_the_spots_are_those_of_the_naive_finder(dtype, background, seed):
    image, valid = crystal_image(np.random.default_rng(seed), background, dtype)
    spots = SpotFinder(valid).find_spots(image)
    assert np.allclose(np.column_stack(spots), naive.find_spots(image, valid), rtol=1e-12)


def test_negative_counts_are_invalid():
    image, valid = crystal_image(np.random.default_rng(1), 0.1, np.uint16)
    signed = np.where(valid, image.astype(np.int32), -1)
    found = SpotFinder(np.ones(image.shape, np.bool_)).find_spots(signed)
    assert len(found.x) > 10
    assert np.array_equal(found, SpotFinder(valid).find_spots(image))


@pytest.mark.parametrize("background", [0.01, 4.0])
def test_saturated_pixels_are_invalid_in_their_image_only(background):
    rng = np.random.default_rng(2)
    bright, valid = crystal_image(rng, background)
    dim, _ = crystal_image(rng, background)
    finder_40 = SpotFinder(valid, saturation=40)
    assert (valid & (bright >= 40)).any()
    assert np.array_equal(finder_40.find_spots(bright), SpotFinder(valid & (bright < 40)).find_spots(bright))
    assert np.array_equal(finder_40.find_spots(dim), SpotFinder(valid & (dim < 40)).find_spots(dim))


def blank_with(*pixels):
    image = np.zeros((60, 60), np.uint16)
    for y, x, counts in pixels:
        image[y, x] = counts
    return image


def find(image, **parameters):
    return SpotFinder(np.ones(image.shape, np.bool_)).find_spots(image, Parameters(**parameters))


def test_an_empty_image_has_no_spots():
    assert len(find(blank_with()).x) == 0


def test_a_spot_of_two_pixels_is_too_small():
    pair = blank_with((20, 20, 50), (20, 21, 50))
    assert len(find(pair).x) == 0
    assert len(find(pair, min_spot_size=2).x) == 1


def test_diagonal_neighbours_do_not_touch():
    diagonal = blank_with((20, 20, 50), (21, 21, 50), (22, 22, 50))
    assert len(find(diagonal).x) == 0
    assert find(diagonal, min_spot_size=1).n_pixels.tolist() == [1, 1, 1]


def test_a_spot_too_large_is_dropped():
    block = blank_with(*((y, x, 50) for y in range(20, 23) for x in range(20, 23)))
    assert find(block, max_spot_size=9).n_pixels.tolist() == [9]
    assert len(find(block, max_spot_size=8).x) == 0


def test_a_lopsided_spot_is_dropped():
    streak = blank_with((20, 18, 60), *((20, x, 50) for x in range(19, 25)))
    assert len(find(streak).x) == 0
    assert len(find(streak, max_separation=4.0).x) == 1


def test_the_centroid_is_weighted_by_counts_and_measured_from_the_pixel_edge():
    spots = find(blank_with((20, 10, 30), (20, 11, 90), (21, 10, 60)))
    assert spots.x.tolist() == [10.5 + 90 / 180]
    assert spots.y.tolist() == [20.5 + 60 / 180]
    assert spots.counts.tolist() == [180]


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 5\).*\(60, 60\)"):
        SpotFinder(np.ones((60, 60), np.bool_)).find_spots(np.zeros((5, 5), np.uint16))


@given(nsigma_b=st.floats(0.5, 40))
def test_no_window_without_a_bright_pixel_passes_the_dispersion_test(nsigma_b):
    c = lowest_bright(nsigma_b) - 1
    n_high = np.arange(1, WINDOW_SIZE + 1)  # two-valued windows, 0 and c, have the largest dispersion
    x, y, m = n_high * c, n_high * c * c, WINDOW_SIZE
    assert (m * y - x * x - x * (m - 1) <= x * nsigma_b * np.sqrt(2 * (m - 1)) * (1 + 1e-12)).all()


def test_three_counts_are_bright_by_default():
    assert lowest_bright(Parameters().nsigma_b) == 3

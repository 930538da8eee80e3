import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from simulator.kernels import count_photons_out, draw_spots_out, fill_profile_out, small_poisson


def both(kernel):
    return pytest.mark.parametrize("kernel", [kernel, kernel.py_func], ids=["compiled", "python"])


@both(fill_profile_out)
@given(centre=st.floats(-3, 8), sigma=st.floats(0.3, 3))
def test_profiles_are_the_normal_distribution_over_pixels(kernel, centre, sigma):
    profile = np.empty(9)
    kernel(profile, -2, centre, sigma)

    assert profile == pytest.approx(np.diff(stats.norm.cdf(np.arange(-2, 8), centre, sigma)), abs=1e-12)


@both(draw_spots_out)
def test_a_spot_has_its_counts_and_its_centroid(kernel):
    image = np.zeros((40, 50))
    kernel(image, np.array([20.3]), np.array([11.8]), np.array([700.0]), 0.9, 6)

    rows, columns = np.indices(image.shape) + 0.5
    assert image.sum() == pytest.approx(700)
    assert np.sum(image * columns) / image.sum() == pytest.approx(20.3, abs=1e-6)
    assert np.sum(image * rows) / image.sum() == pytest.approx(11.8, abs=1e-6)


@both(draw_spots_out)
def test_a_spot_across_the_edge_is_cut(kernel):
    image = np.zeros((20, 20))
    kernel(image, np.array([0.0, 30.0]), np.array([10.0, 10.0]), np.array([100.0, 100.0]), 1.0, 6)

    assert image.sum() == pytest.approx(50)


@both(small_poisson)
@given(uniform=st.floats(0, 1, exclude_max=True), mean=st.floats(0, 9.99))
def test_small_poisson_inverts_the_cumulative_distribution(kernel, uniform, mean):
    k = kernel(uniform, mean)

    assert k == 60 or uniform <= stats.poisson.cdf(k, mean) * (1 + 1e-9)
    assert k == 0 or uniform > stats.poisson.cdf(k - 1, mean) * (1 - 1e-9)


@pytest.mark.parametrize("mean", [0.02, 0.7, 9.5, 10.5, 300.0])
def test_counts_have_poissons_mean_and_variance(mean):
    image = np.empty((400, 400), np.uint16)
    count_photons_out(image, np.full(image.shape, mean), np.zeros(image.shape, np.uint32), 65533, rng())

    error = np.sqrt(mean / image.size)
    assert image.mean() == pytest.approx(mean, abs=5 * error)
    assert image.var() == pytest.approx(mean, rel=5 * np.sqrt((2 + 1 / mean) / image.size))


@both(count_photons_out)
def test_masked_pixels_are_marked_and_bright_ones_saturate(kernel):
    image = np.empty((1, 3), np.uint16)
    kernel(image, np.array([[5.0, 1e6, 1e6]]), np.array([[2, 0, 1]], np.uint32), 65533, rng())

    assert image.tolist() == [[65535, 65533, 65535]]


def test_compiled_and_python_count_the_same_photons():
    expected = np.linspace(0, 30, 600).reshape(20, 30)
    mask = np.zeros(expected.shape, np.uint32)
    images = [np.empty(expected.shape, np.uint16) for _ in range(2)]
    for kernel, image in zip((count_photons_out, count_photons_out.py_func), images, strict=True):
        kernel(image, expected, mask, 65533, rng())

    assert np.array_equal(*images)


def rng():
    return np.random.default_rng(8)

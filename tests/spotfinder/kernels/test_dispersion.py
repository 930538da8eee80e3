"""The dispersion test of one pixel."""

import numpy as np
from hypothesis import assume, given, strategies as st

from services.spotfinder.kernels.dispersion import MAX_COUNT, WINDOW_SIZE, Thresholds, exceeds_mean, is_strong
from tests.spotfinder.kernels.exposures import both

counts = st.integers(0, 2**16)


@both(is_strong)
@given(window=st.lists(counts, min_size=2, max_size=49), pixel=counts)
def test_is_strong_agrees_with_its_definition(is_strong, window, pixel):
    n, total, total_sq = len(window), sum(window), sum(v * v for v in window)
    mean, variance = total / n, np.var(window, ddof=1)
    margin_b = variance - mean * (1 + 6 * np.sqrt(2 / (n - 1)))
    margin_s = pixel - mean - 3 * np.sqrt(mean)
    assume(min(abs(margin_b), abs(margin_s)) > 1e-6)  # off the knife edge, where rounding decides
    assert is_strong(pixel, n, total, total_sq, Thresholds()) == (margin_b > 0 and margin_s > 0)


@both(is_strong)
def test_a_pixel_needs_neighbours_and_more_than_the_global_threshold(is_strong):
    passing = (100, 9, 108, 10008)
    assert is_strong(*passing, Thresholds())
    assert not is_strong(*passing, Thresholds(min_local=10))
    assert not is_strong(*passing, Thresholds(global_threshold=100.0))


@both(exceeds_mean)
@given(value=counts, n=st.integers(1, 49), total=st.integers(0, 49 * 2**16))
def test_a_pixel_that_exceeds_the_mean_exceeds_every_lower_one(exceeds_mean, value, n, total):
    exceeds = n * value > total and (n * value - total) ** 2 > 9 * total * n
    assert exceeds_mean(value, n, total, Thresholds()) == exceeds
    assert exceeds_mean(value, n, total // 2, Thresholds()) >= exceeds


def test_the_largest_counts_do_not_overflow():
    assert WINDOW_SIZE * (MAX_COUNT - 1) ** 2 < 2**63

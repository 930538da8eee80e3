"""Windows on bit planes."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels import windows as w
from services.spotfinder.kernels.dispersion import Thresholds
from tests.spotfinder import naive
from tests.spotfinder.kernels.exposures import TYPES, both, counted, exposures, flags, planes_of, sums_of


@both(w.row_columns)
def test_columns_beyond_the_edges_are_cut(row_columns):
    for nx in (1, 2, 5, 7, 20):
        for i in range(nx):
            inside = [0 <= i + k < nx for k in range(-3, 4)]
            assert int(row_columns(i, nx)) == sum(1 << k for k, ok in enumerate(inside) if ok)


def window_at(image, j, i):
    """The first bit of a window in the image's planes, pixels in a row, and the columns that count."""
    nx, margin = image.shape[1], 8 * plane_layout(image.shape)[0]
    return margin + (j - 3) * nx + i - 3, nx, np.uint64(w.row_columns(i, nx))


@both(w.window)
@given(raised=flags())
def test_a_window_has_the_bits_of_its_rows(window, raised):
    planes, padded = np.array([plane_of(~raised), plane_of(raised)]), np.pad(raised, 3)
    for j, i in np.argwhere(raised)[:20]:
        bits = window(planes, 1, *window_at(raised, j, i))
        expected = padded[j : j + 7, i : i + 7].ravel()
        assert int(bits) == sum(1 << k for k, bit in enumerate(expected) if bit)


@both(w.sum_low)
@given(values=arrays(np.int64, 49, elements=st.integers(0, 15)))
def test_sums_of_low_counts_are_sums_of_bits(sum_low, values):
    bits = [np.uint64(sum(1 << i for i, v in enumerate(values) if v >> k & 1)) for k in range(4)]
    assert sum_low(*bits) == (values.sum(), (values**2).sum())


@both(w.sum_high)
@given(chosen=arrays(np.bool_, (7, 7)))
def test_sums_of_high_counts_are_those_of_the_pixels(sum_high, chosen):
    image = np.arange(1, 141, dtype=np.uint32).reshape(10, 14) ** 3
    bits = np.uint64(sum(1 << k for k, is_chosen in enumerate(chosen.ravel()) if is_chosen))
    values = image[2:9, 5:12][chosen].astype(np.int64)
    assert sum_high(bits, 2 * 14 + 5, 14, image.ravel()) == (values.sum(), (values**2).sum())


@both(w.least_sum)
@given(exposure=exposures())
def test_the_least_sum_is_never_more_than_the_sum(least_sum, exposure):
    image = np.where(exposure[1], exposure[0], 0)
    planes, _ = planes_of(image)
    bounds = sums_of(np.minimum(image, 2))[0]
    assert (bounds <= sums_of(image)[0]).all()
    for pixel in range(0, image.size, 1 + image.size // 50):
        j, i = divmod(pixel, image.shape[1])
        assert least_sum(planes, *window_at(image, j, i)) == bounds[j, i]


@pytest.mark.parametrize("dtype", TYPES)
@both(w.sum_window_of_planes)
@both(w.count_of)
@given(data=st.data())
def test_windows_add_up_as_they_are_defined(sum_window_of_planes, count_of, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    planes, margin = planes_of(image)
    total, total_sq = (sums.ravel() for sums in sums_of(image))
    for pixel in range(0, image.size, 1 + image.size // 50):
        j, i = divmod(pixel, image.shape[1])
        sums = sum_window_of_planes(planes, *window_at(image, j, i), 8 * margin, image.ravel())
        assert sums == (total[pixel], total_sq[pixel])
        assert count_of(planes, 8 * margin + pixel, pixel, image.ravel()) == image.flat[pixel]


@pytest.mark.parametrize("dtype", TYPES)
@both(w.threshold_planes)
@given(data=st.data())
def test_the_threshold_agrees_with_the_definition(threshold_planes, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    planes, margin = planes_of(image)
    strong, known = np.empty(image.size, np.int32), np.where(image > 15, image, 0)
    every_pixel = plane_of(np.ones(image.shape, np.bool_)).view(np.uint64)
    n = threshold_planes(every_pixel, planes, 8 * margin, known, counted(valid), Thresholds(), strong)
    assert strong[:n].tolist() == np.flatnonzero(naive.strong_pixels(image, valid)).tolist()
    assert np.array_equal(known.flat[strong[:n]], image.flat[strong[:n]])

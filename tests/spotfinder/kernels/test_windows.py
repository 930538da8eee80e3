"""Windows on bit planes."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from services.spotfinder.buffers import plane_of
from services.spotfinder.kernels import windows as w
from services.spotfinder.kernels.dispersion import Thresholds
from tests.spotfinder import naive
from tests.spotfinder.kernels.exposures import TYPES, both, exposures, planes_of


@both(w.row_columns)
def test_columns_beyond_the_edges_are_cut(row_columns):
    for nx in (1, 2, 5, 7, 20):
        for i in range(nx):
            inside = [0 <= i + k < nx for k in range(-3, 4)]
            assert int(row_columns(i, nx)) == sum(1 << k for k, ok in enumerate(inside) if ok)


def strip_at(read_strip, image, valid, pixel):
    """The strip whose first window is around a pixel of an image whose invalid pixels are 0."""
    planes, margin = planes_of(image)
    nx = image.shape[1]
    return read_strip(planes, plane_of(valid)[None], 8 * margin + pixel - 3 * nx - 3, nx)


def strip_of(values, high=0):
    """The strip of 63 counts of less than 16, and of some bits that are high."""
    bits = [np.uint64(sum(1 << i for i, v in enumerate(values) if v >> k & 1)) for k in range(4)]
    return w.Strip(*bits, np.uint64(high), np.uint64(2**63 - 1))


def some_pixels(image):
    """About fifty of them."""
    return range(0, image.size, 1 + image.size // 50)


@both(w.strip_row)
@given(flags=arrays(np.bool_, 80))
def test_a_strips_row_is_nine_bits(strip_row, flags):
    plane = np.packbits(flags, bitorder="little")
    for first in range(64):
        bits = int(strip_row(np.array([~plane, plane]), 1, np.uint64(first)))
        assert bits == sum(1 << k for k, bit in enumerate(flags[first : first + 9]) if bit)


@pytest.mark.parametrize("dtype", TYPES)
@both(w.read_strip)
@both(w.cut_window)
@given(data=st.data())
def test_windows_are_cut_from_strips(read_strip, cut_window, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    nx, low = image.shape[1], np.where(image < 16, image, 0)
    shown = [*(low >> k & 1 for k in range(4)), image >= 16, valid]
    padded = [np.pad(flags.astype(bool), 3) for flags in shown]
    for pixel in some_pixels(image):
        strip = strip_at(read_strip, image, valid, pixel)
        for k in range(min(3, image.size - pixel)):
            j, i = divmod(pixel + k, nx)
            for bits, flags in zip(cut_window(strip, k, np.uint64(w.row_columns(i, nx))), padded, strict=True):
                window = np.pad(flags[j : j + 7, i : i + 7], ((0, 0), (k, 2 - k)))
                assert int(bits) == sum(1 << at for at in np.flatnonzero(window).tolist())


@both(w.sum_low)
@both(w.sum_low_squares)
@given(values=arrays(np.int64, 63, elements=st.integers(0, 15)))
def test_sums_of_low_counts_are_sums_of_bits(sum_low, sum_low_squares, values):
    assert sum_low(strip_of(values)) == values.sum()
    assert sum_low_squares(strip_of(values)) == (values**2).sum()


@both(w.sum_high)
@given(chosen=arrays(np.bool_, (7, 9)))
def test_sums_of_high_counts_are_those_of_the_pixels(sum_high, chosen):
    image = np.arange(1, 141, dtype=np.uint32).reshape(10, 14) ** 3
    bits = np.uint64(sum(1 << k for k, is_chosen in enumerate(chosen.ravel()) if is_chosen))
    values = image[2:9, 5:14][chosen].astype(np.int64)
    assert sum_high(bits, 2 * 14 + 5, 14, image.ravel()) == (values.sum(), (values**2).sum())


@both(w.count_of)
@given(values=arrays(np.int64, 63, elements=st.integers(0, 15)), high=st.integers(0, 2**63 - 1))
def test_counts_of_16_or_more_are_those_of_the_image(count_of, values, high):
    for k in range(3):
        expected = 500 if high >> (30 + k) & 1 else values[30 + k]
        assert count_of(strip_of(values, high), k, 1, np.array([7, 500, 7], np.uint16)) == expected


@pytest.mark.parametrize("dtype", TYPES)
@both(w.strong_count)
@given(data=st.data())
def test_a_pixels_count_is_told_if_it_is_strong(strong_count, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    expected = np.where(naive.strong_pixels(image, valid), image, 0).ravel()
    for pixel in some_pixels(image):
        strip = strip_at(w.read_strip, image, valid, pixel)
        for k in range(min(3, image.size - pixel)):
            value = strong_count(strip, k, pixel + k, image.shape[1], image.ravel(), Thresholds())
            assert value == expected[pixel + k]


@pytest.mark.parametrize("dtype", TYPES)
@both(w.threshold_planes)
@given(data=st.data())
def test_the_threshold_agrees_with_the_definition(threshold_planes, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    asked = np.random.default_rng(image.size).random(image.shape) < data.draw(st.sampled_from([0.3, 0.8, 1.0]))
    planes, margin = planes_of(image)
    strong, known = np.empty(image.size, np.int32), np.where(image > 15, image, 0)
    candidates = plane_of(asked).view(np.uint64)
    n = threshold_planes(candidates, planes, plane_of(valid), 8 * margin, known, Thresholds(), strong)
    assert strong[:n].tolist() == np.flatnonzero(naive.strong_pixels(image, valid) & asked).tolist()
    assert np.array_equal(known.flat[strong[:n]], image.flat[strong[:n]])

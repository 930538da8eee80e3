"""Which pixels count."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels import valid as v
from services.spotfinder.kernels.dispersion import MAX_COUNT
from services.spotfinder.kernels.planes import HIGH
from tests.spotfinder.kernels.exposures import TYPES, both, counted, exposures, flags, planes_of
from tests.spotfinder.naive import window_sums


@both(v.count_valid)
@given(valid=flags())
def test_valid_pixels_are_counted_in_each_window(count_valid, valid):
    n_valid = np.full(valid.shape, 77, np.uint8)
    count_valid(valid, n_valid)
    assert np.array_equal(n_valid, window_sums(valid.astype(int)))


@both(v.change_count)
@given(valid=flags(), step=st.integers(1, 5))
def test_changing_pixels_keeps_the_windows_counts_true(change_count, valid, step):
    n_valid, some = counted(valid), np.flatnonzero(valid)[::step].astype(np.int32)
    fewer = valid.copy()
    fewer.flat[some] = False
    change_count(n_valid, some, -1)
    assert np.array_equal(n_valid, counted(fewer))
    change_count(n_valid, some, 1)
    assert np.array_equal(n_valid, counted(valid))


@both(v.flip)
@given(valid=flags(), step=st.integers(1, 5))
def test_pixels_flip_in_a_plane_and_back(flip, valid, step):
    plane, some = plane_of(valid), np.arange(0, valid.size, step, dtype=np.int32)
    flipped = valid.copy()
    flipped.flat[some] ^= True
    margin = 8 * plane_layout(valid.shape)[0]
    flip(plane, margin, some)
    assert np.array_equal(plane, plane_of(flipped))
    flip(plane, margin, some)
    assert np.array_equal(plane, plane_of(valid))


@pytest.mark.parametrize("dtype", TYPES)
@both(v.clear_invalid)
@given(data=st.data())
def test_pixels_that_do_not_count_become_zero(clear_invalid, dtype, data):
    image, valid = data.draw(exposures(dtype))
    saturation = data.draw(st.sampled_from([1, 3, 40, 250, 2**28]))
    if dtype is np.uint32:
        image.flat[::7] *= 2**20
    expected = np.flatnonzero(valid & (image >= min(saturation, MAX_COUNT)))
    cleared, uncounted = image.copy(), np.empty(image.size, np.int32)
    assert uncounted[: clear_invalid(cleared, valid, saturation, uncounted)].tolist() == expected.tolist()
    assert np.array_equal(cleared, np.where(valid & (image < saturation), image, 0))


@pytest.mark.parametrize("dtype", TYPES)
@both(v.find_uncounted)
@both(v.clear_pixels)
@given(data=st.data())
def test_pixels_of_too_many_counts_are_found_and_leave_all_planes(find_uncounted, clear_pixels, dtype, data):
    image, valid = data.draw(exposures(dtype))
    image = np.where(valid, image, 0).astype(dtype)
    limit = data.draw(st.sampled_from([16, 40, 250, 2**28]))
    planes, margin = planes_of(image)
    uncounted = np.empty(image.size, np.int32)
    n = find_uncounted(planes[HIGH].view(np.uint64), 8 * margin, image.ravel(), limit, uncounted)
    assert uncounted[:n].tolist() == np.flatnonzero(image >= limit).tolist()
    clear_pixels(uncounted[:n], 8 * margin, planes)
    assert np.array_equal(planes, planes_of(np.where(image < limit, image, 0))[0])

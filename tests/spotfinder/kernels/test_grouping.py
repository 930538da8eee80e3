"""Strong pixels to spots."""

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from services.spotfinder.kernels import grouping
from tests.spotfinder.kernels.exposures import both, exposures, shapes


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

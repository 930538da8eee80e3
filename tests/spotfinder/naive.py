"""The spot finder as it is defined: whole-image operations, whole numbers where rounding could decide."""

from fractions import Fraction

import numpy as np
from scipy import ndimage

from services.spotfinder.finder import DEFAULTS

HALF_WIDTH = 3


def find_spots(image, valid, parameters=DEFAULTS, saturation=2**31):
    """DIALS' dispersion spot finder; a row x, y, counts, n_pixels for each spot, in the order of their first pixels."""
    trusted = valid & (image >= 0) & (image < saturation)
    labels, n = ndimage.label(strong_pixels(image, trusted, parameters))
    spots = [add_up(image, labels == label) for label in range(1, n + 1)]
    return np.array([spot[:4] for spot in spots if is_a_spot(*spot[3:], parameters)]).reshape(-1, 4)


def is_a_spot(n_pixels, separation, parameters):
    has_size = parameters.min_spot_size <= n_pixels <= parameters.max_spot_size
    return has_size and separation <= parameters.max_separation


def add_up(image, members):
    """Centroid x, y, counts, number of pixels, and distance from the first of the highest pixels to the centroid."""
    y, x = np.nonzero(members)
    values = image[members].astype(float)
    centroid_x, centroid_y = np.average(x + 0.5, weights=values), np.average(y + 0.5, weights=values)
    peak = values.argmax()
    separation = np.hypot(centroid_x - x[peak] - 0.5, centroid_y - y[peak] - 0.5)
    return centroid_x, centroid_y, values.sum(), values.size, separation


def strong_pixels(image, trusted, parameters=DEFAULTS):
    """The dispersion test as it is published, of all pixels; an array of flags."""
    values = np.where(trusted, image, 0).astype(np.int64)
    m, x, y = (window_sums(a) for a in (trusted.astype(np.int64), values, values * values))
    is_candidate = trusted & (values > parameters.global_threshold) & (m >= parameters.min_local)
    is_strong = np.zeros(image.shape, np.bool_)
    is_strong[is_candidate] = stands_out(*(a[is_candidate].astype(object) for a in (values, m, x, y)), parameters)
    return is_strong


def window_sums(array):
    """Of the 7 x 7 window around each element, clipped at the edges."""
    padded = np.pad(array, HALF_WIDTH)
    return np.lib.stride_tricks.sliding_window_view(padded, (7, 7)).sum(axis=(2, 3))


def stands_out(value, m, x, y, parameters):
    """The two tests, cleared of roots and divisions, for arrays of Python's whole numbers."""
    spread, excess = m * y - x * x - x * (m - 1), m * value - x
    nsigma_b, nsigma_s = Fraction(parameters.nsigma_b), Fraction(parameters.nsigma_s)
    is_uneven = exceeds_root(spread, nsigma_b, 2 * x * x * (m - 1))
    return is_uneven & exceeds_root(excess, nsigma_s, x * m)


def exceeds_root(left, factor, square):
    """Whether left > factor sqrt(square)."""
    return (left > 0) & (factor.denominator**2 * left * left > factor.numerator**2 * square)

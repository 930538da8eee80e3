"""Numba kernels of the simulator: numbers and arrays in and out, no I/O."""

from math import erf, exp, floor, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def fill_profile_out(profile: Floats, first: int, centre: float, sigma: float) -> None:
    """Integrals of a normal distribution over pixels of width 1: profile[k] is its part in [first + k, first + k + 1].

    Args:
        profile: filled; shape (n,).
        first: index of the first pixel.
        centre, sigma: of the distribution [pixels].
    """
    below = erf((first - centre) / (sigma * sqrt(2.0)))
    for k in range(profile.size):
        above = erf((first + k + 1 - centre) / (sigma * sqrt(2.0)))
        profile[k] = 0.5 * (above - below)
        below = above


@njit(cache=True, nogil=True)
def draw_spots_out(image: Floats, fast: Floats, slow: Floats, counts: Floats, sigma: float, reach: int) -> None:
    """Add round Gaussian spots, integrated over each pixel, to an image.

    Args:
        image: added to [counts]; shape (slow, fast).
        fast, slow: centroids [pixels]; a pixel's centre is its index + 0.5; shape (n,).
        counts: of each whole spot; shape (n,).
        sigma: standard deviation of the profile [pixels].
        reach: half the side of the square that is drawn [pixels].
    """
    across, down = np.empty(2 * reach + 1), np.empty(2 * reach + 1)
    for n in range(counts.size):
        left, top = floor(fast[n]) - reach, floor(slow[n]) - reach
        fill_profile_out(across, left, fast[n], sigma)
        fill_profile_out(down, top, slow[n], sigma)
        for row in range(max(top, 0), min(top + down.size, image.shape[0])):
            for column in range(max(left, 0), min(left + across.size, image.shape[1])):
                image[row, column] += counts[n] * down[row - top] * across[column - left]


@njit(cache=True, nogil=True)
def small_poisson(uniform: float, mean: float) -> int:
    """Poisson deviate by inversion: the smallest k whose cumulative probability exceeds a number in [0, 1).

    Cheap for a small mean, as most pixels have; stops at 60, which a mean below 10 never reaches.

    Source: Devroye (1986), Non-Uniform Random Variate Generation, chapter X.3.
    """
    probability = exp(-mean)
    cumulative = probability
    k = 0
    while uniform > cumulative and k < 60:  # noqa: PLR2004 - bound explained above
        k += 1
        probability *= mean / k
        cumulative += probability
    return k


@njit(cache=True, nogil=True)
def count_photons_out(
    image: NDArray[np.unsignedinteger],
    expected: Floats,
    mask: NDArray[np.uint32],
    saturation: int,
    rng: np.random.Generator,
) -> None:
    """Draw the counts of an exposure: Poisson where the mask is 0, the type's largest value elsewhere.

    Args:
        image: filled [counts]; an unsigned type; shape (slow, fast).
        expected: mean counts; shape (slow, fast).
        mask: 0 where a pixel counts; shape (slow, fast).
        saturation: largest count of a valid pixel.
        rng: consumed pixel by pixel, row by row.
    """
    masked = np.iinfo(image.dtype).max
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            mean = expected[row, column]
            if mask[row, column] != 0:
                image[row, column] = masked
            elif mean < 10.0:  # noqa: PLR2004 - where inversion stops being the cheaper way
                image[row, column] = small_poisson(rng.random(), mean)
            else:
                image[row, column] = min(rng.poisson(mean), saturation)

"""Numba kernels that make spots of strong pixels, given by their ascending indices in the flattened image."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.spotfinder.pixels import Image

SPOT: Final = np.dtype(
    [("n_pixels", "i8"), ("counts", "f8"), ("x", "f8"), ("y", "f8"), ("peak", "f8"), ("peak_x", "f8"), ("peak_y", "f8")]
)


@njit(cache=True, nogil=True)
def find_root(parents: NDArray[np.int64], k: int) -> int:
    """The first member of the set that ``k`` belongs to; shortens the way there."""
    while parents[k] != k:
        parents[k] = parents[parents[k]]
        k = parents[k]
    return k


@njit(cache=True, nogil=True)
def join(parents: NDArray[np.int64], a: int, b: int) -> None:
    """Make one set of the two that ``a`` and ``b`` belong to."""
    root_a, root_b = find_root(parents, a), find_root(parents, b)
    parents[max(root_a, root_b)] = min(root_a, root_b)


@njit(cache=True, nogil=True)
def label_pixels(strong: NDArray[np.int32], nx: int, labels: NDArray[np.int32]) -> int:
    """Number the 4-connected groups of an ascending pixel list, into ``labels``; returns how many there are."""
    parents = np.arange(strong.size)
    above = 0
    for k in range(strong.size):
        pixel = strong[k]
        if k > 0 and strong[k - 1] == pixel - 1 and pixel % nx != 0:
            join(parents, k - 1, k)
        while strong[above] < pixel - nx:
            above += 1
        if strong[above] == pixel - nx:
            join(parents, above, k)
    n = 0
    for k in range(strong.size):
        root = find_root(parents, k)
        labels[k] = n if root == k else labels[root]
        n += root == k
    return n


@njit(cache=True, nogil=True)
def add_up_spots(image: Image, strong: NDArray[np.int32], labels: NDArray[np.int32], spots: NDArray[np.void]) -> None:
    """Add the strong pixels to their spots (dtype ``SPOT``, zeroed before).

    Leaves the count-weighted sums of the pixel centres [px] in ``x`` (fast) and ``y`` (slow), and the first of the
    highest pixels in ``peak`` [counts], ``peak_x``, ``peak_y`` [px].
    """
    nx = image.shape[1]
    for k in range(strong.size):
        j, i = strong[k] // nx, strong[k] % nx
        value = float(image[j, i])
        spot = spots[labels[k]]
        spot["n_pixels"] += 1
        spot["counts"] += value
        spot["x"] += value * (i + 0.5)
        spot["y"] += value * (j + 0.5)
        if value > spot["peak"]:
            spot["peak"], spot["peak_x"], spot["peak_y"] = value, i + 0.5, j + 0.5

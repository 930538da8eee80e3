"""The dispersion test and its connected groups as numpy and scipy have them: what one writes in an afternoon."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.spotfinder.peers.course import Course, serve
from benchmarks.spotfinder.peers.recorded_set import read_set

WINDOW, NSIGMA_B, NSIGMA_S, MIN_LOCAL, MIN_PIXELS = 7, 6.0, 3.0, 2, 3

Floats = np.ndarray[Any, Any]


def window_sum(values: Floats) -> Floats:
    """Sum over the window around each pixel."""
    return np.asarray(ndimage.uniform_filter(values, WINDOW, mode="constant") * WINDOW**2)


def strong_pixels(image: Floats, valid: Floats, n: Floats) -> Floats:
    """Pixels that stand out from their window."""
    counts = np.where(valid, image, 0).astype(float)
    x, y = window_sum(counts), window_sum(counts**2)
    spread = n * y - x**2 - x * (n - 1)
    is_peaked = spread > x * NSIGMA_B * np.sqrt(2 * np.maximum(n - 1, 0))
    stands_out = n * counts - x > NSIGMA_S * np.sqrt(np.maximum(x * n, 0))
    return np.asarray(valid & (n >= MIN_LOCAL) & is_peaked & stands_out)


def find_spots(image: Floats, valid: Floats, n: Floats) -> list[Any]:
    """Centroids of the groups that are large enough, slow and fast."""
    labels, n_groups = ndimage.label(strong_pixels(image, valid, n))
    sizes = np.bincount(labels.ravel(), minlength=n_groups + 1)[1:]
    return list(ndimage.center_of_mass(image, labels, 1 + np.flatnonzero(sizes >= MIN_PIXELS)))


def prepare(master: str) -> Course:
    """Images already decompressed."""
    recorded = read_set(master)
    n_valid = window_sum(recorded.valid.astype(float)).round()

    def work() -> None:
        for image in recorded.images:
            find_spots(image, recorded.valid, n_valid)

    row = "numpy and scipy, naive"
    return Course(len(recorded.images), {row: work}, remarks={row: "without decompression"})


if __name__ == "__main__":
    serve(prepare)

"""Finding the spots of one image: strong pixels, 4-connected groups of them, the filters of DIALS."""

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.bitshuffle import decoded
from services.spotfinder.grouping import SPOT, add_up_spots, label_pixels
from services.spotfinder.kernels import (
    MAX_COUNT,
    WINDOW_SIZE,
    Thresholds,
    change_valid,
    count_valid,
    find_bright,
    threshold_dense,
    threshold_sparse,
)
from services.spotfinder.pixels import Chunk, Image, Pixels, Stored

SPARSE_FRACTION = 0.003  # of all pixels; with more bright ones, running sums over the whole image are faster


@dataclass(frozen=True)
class Parameters:
    """What a strong pixel is, a spot, and a spot that counts; the defaults are those of DIALS' per-image analysis.

    Attributes:
        nsigma_b: variance-to-mean ratio of the 7 x 7 window above Poisson's [sigma].
        nsigma_s: pixel above the mean of its window [sigma].
        min_local: least number of valid pixels in a window.
        global_threshold: a strong pixel has more [counts].
        min_spot_size, max_spot_size: pixels of a spot.
        max_separation: longest distance from a spot's highest pixel to its centroid [px].
        d_max: spots at lower resolution do not count [Å].
        ice_ring_width: full width of an ice ring in 1/d² [1/Å²].
    """

    nsigma_b: float = 6.0
    nsigma_s: float = 3.0
    min_local: int = 2
    global_threshold: float = 0.0
    min_spot_size: int = 3
    max_spot_size: int = 1000
    max_separation: float = 2.0
    d_max: float = 40.0
    ice_ring_width: float = 0.004


DEFAULTS = Parameters()


class Spots(NamedTuple):
    """The spots of one image, an array entry each.

    Attributes:
        x, y: count-weighted centroid, fast and slow [px]; the first pixel's centre is at 0.5.
        counts: sum over the strong pixels, background included [counts].
        n_pixels: number of strong pixels.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    counts: NDArray[np.float64]
    n_pixels: NDArray[np.int64]

    def select(self, chosen: NDArray[np.bool_]) -> "Spots":
        """Only the chosen ones."""
        return Spots(self.x[chosen], self.y[chosen], self.counts[chosen], self.n_pixels[chosen])


class SpotFinder:
    """Finds spots in the images of one detector; keeps its buffers from image to image, so it serves one thread."""

    def __init__(self, mask: NDArray[np.bool_], saturation: int = MAX_COUNT) -> None:
        """Prepare for images with this mask.

        Args:
            mask: ``[slow, fast]``, True for a valid pixel.
            saturation: pixels with as many counts or more are not trusted [counts].
        """
        self._valid = np.ascontiguousarray(mask, np.bool_).copy()
        self._n_valid = np.zeros(mask.shape, np.uint8)
        count_valid(self._valid, self._n_valid)
        self._saturation = min(saturation, MAX_COUNT)
        self._bright = np.empty(math.ceil(SPARSE_FRACTION * mask.size), np.int32)
        self._strong = np.empty(mask.size, np.int32)

    def find_spots(self, stored: Stored, parameters: Parameters = DEFAULTS) -> Spots:
        """The spots of an image, in the order of their first pixels.

        Args:
            stored: the image.
            parameters: what a strong pixel and a spot are.

        Raises:
            ValueError: if the image has another shape than the mask, or its chunk is broken.
        """
        image = decoded(stored) if isinstance(stored, Chunk) else stored
        if image.shape != self._valid.shape:
            raise ValueError(f"image of {image.shape} pixels, mask of {self._valid.shape}")
        pixels = _unsigned(image)
        return _select_spots(pixels, self._strong_pixels(pixels, parameters), parameters)

    def _strong_pixels(self, image: Image, parameters: Parameters) -> NDArray[np.int32]:
        """Flat indices of the strong pixels, ascending; valid until the next image."""
        lowest = min(lowest_bright(parameters.nsigma_b), self._saturation)
        bright = self._bright[: find_bright(image, self._valid, lowest, self._bright)]
        if bright.size < self._bright.size:
            saturated = bright[image.reshape(-1)[bright] >= self._saturation]
        else:
            saturated = self._strong[: find_bright(image, self._valid, self._saturation, self._strong)].copy()
        change_valid(self._valid, self._n_valid, saturated, to=False)
        n_strong = self._threshold(image, bright, _thresholds(parameters))
        change_valid(self._valid, self._n_valid, saturated, to=True)
        return self._strong[:n_strong]

    def _threshold(self, image: Image, bright: NDArray[np.int32], thresholds: Thresholds) -> int:
        if bright.size < self._bright.size:
            return threshold_sparse(image, self._valid, self._n_valid, bright, thresholds, self._strong)
        return threshold_dense(image, self._valid, self._n_valid, thresholds, self._strong)


def _unsigned(image: Pixels) -> Image:
    """The same pixels in an unsigned type: what is negative becomes larger than any saturation."""
    return cast("Image", np.ascontiguousarray(image.view(np.uint32) if image.dtype == np.int32 else image))


def _thresholds(parameters: Parameters) -> Thresholds:
    """Of exact types, lest the kernels be compiled again for others."""
    return Thresholds(
        float(parameters.nsigma_b),
        float(parameters.nsigma_s),
        int(parameters.min_local),
        float(parameters.global_threshold),
    )


def lowest_bright(nsigma_b: float) -> int:
    """Least count that some pixel of a window must have, or the window cannot pass the dispersion test.

    With no pixel above c, the sum of squares is at most c times the sum, which is at least c; the test on n pixels then
    demands (c - 1) sqrt(n - 1) > sqrt(2) nsigma_b. It is weakest for a window with all its pixels.
    """
    return math.floor(1 + nsigma_b * math.sqrt(2 / (WINDOW_SIZE - 1))) + 1


def _select_spots(image: Image, strong: NDArray[np.int32], parameters: Parameters) -> Spots:
    """Group strong pixels, and drop the groups that are too small, too large or lopsided."""
    labels = np.empty(strong.size, np.int32)
    groups = np.zeros(label_pixels(strong, image.shape[1], labels), SPOT)
    add_up_spots(image, strong, labels, groups)
    spots = Spots(groups["x"] / groups["counts"], groups["y"] / groups["counts"], groups["counts"], groups["n_pixels"])
    separation = np.hypot(spots.x - groups["peak_x"], spots.y - groups["peak_y"])
    return spots.select(
        (spots.n_pixels >= parameters.min_spot_size)
        & (spots.n_pixels <= parameters.max_spot_size)
        & (separation <= parameters.max_separation)
    )

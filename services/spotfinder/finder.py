"""Finding the spots of one image: strong pixels, 4-connected groups of them, the filters of DIALS."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.bitshuffle import block_bytes, bytes_of, check, decode, unsigned
from services.spotfinder.buffers import Buffers, block_buffers, buffers_for, plane_of
from services.spotfinder.kernels.blocks import HEADER_BYTES, Bytes
from services.spotfinder.kernels.candidates import add_neighbours, find_centres
from services.spotfinder.kernels.dense import find_excess, threshold_pixels
from services.spotfinder.kernels.dispersion import MAX_COUNT, WINDOW_SIZE, Thresholds
from services.spotfinder.kernels.extended import threshold_extended
from services.spotfinder.kernels.grouping import SPOT, add_up_spots, label_pixels
from services.spotfinder.kernels.low import MAX_LOW, TOO_BRIGHT, unfold_low
from services.spotfinder.kernels.planes import GROUP, HIGH, LOW, RAISED, fold
from services.spotfinder.kernels.valid import (
    change_count,
    clear_invalid,
    clear_pixels,
    count_valid,
    find_uncounted,
    flip,
)
from services.spotfinder.kernels.windows import threshold_planes
from services.spotfinder.pixels import Chunk, Count, Image, Stored
from services.spotfinder.resolution import NO_SATURATION
from services.spotfinder.spots import Spots

Algorithm = Literal["dispersion", "dispersion_extended"]

DIM_BYTES_PER_PIXEL: Final = {1: 0.21, 2: 0.235, 4: 0.295}  # by bytes of a pixel; of more: bright
DIM_CANDIDATES: Final = 0.01  # of all pixels; with more of them, planes do not pay
FEW_HIGH: Final = 0.03  # of all groups of eight pixels have one above ``MAX_LOW``; with more, bytes do not pay
FEW_UNCOUNTED: Final = 1e-3  # of all pixels; with more of them, all windows are counted anew
LEAST_SATURATION: Final = 1 << LOW  # so that saturated pixels are among those whose counts are known
LEAST_SPOT: Final = 3  # pixels, for a pixel without neighbours to be in no spot


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
        algorithm: "dispersion" compares a pixel with its window; "dispersion_extended" with the background around the
            spot it may belong to.
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
    algorithm: Algorithm = "dispersion"


DEFAULTS = Parameters()


class SpotFinder:
    """Finds spots in the images of one detector; shares buffers with others in its process, so it serves one thread.

    There are three ways, which find the same spots: on bit planes where most pixels are 0 or 1, on bytes where few have
    many counts, else on pixels.
    """

    def __init__(self, mask: NDArray[np.bool_], saturation: int = NO_SATURATION) -> None:
        """Prepare for images with this mask.

        Args:
            mask: ``[slow, fast]``, True for a valid pixel.
            saturation: pixels with as many counts or more are not trusted [counts].
        """
        self._valid = np.ascontiguousarray(mask, np.bool_)
        self._valid_plane = plane_of(self._valid)
        self._n_valid = np.zeros(mask.shape, np.uint8)
        count_valid(self._valid, self._n_valid)
        self._saturation = min(saturation, NO_SATURATION)

    def find_spots(self, stored: Stored, parameters: Parameters = DEFAULTS) -> Spots:
        """The spots of an image, in the order of their first pixels.

        Args:
            stored: the image.
            parameters: what a strong pixel and a spot are.

        Raises:
            ValueError: if the image has another shape than the mask, or its chunk is broken.
        """
        if stored.shape != self._valid.shape:
            raise ValueError(f"image of {stored.shape} pixels, mask of {self._valid.shape}")
        buffers = buffers_for(stored.shape, stored.dtype)
        n_strong = None
        if parameters.algorithm == "dispersion_extended":
            n_strong = self._extended(stored, buffers, parameters)
        elif isinstance(stored, Chunk):
            if self._suits_planes(stored, parameters):
                n_strong = self._on_planes(stored, buffers, parameters)
            if n_strong is None and self._saturation > MAX_LOW:
                n_strong = self._on_bytes(stored, buffers, parameters)
        if n_strong is None:
            n_strong = self._on_pixels(stored, buffers, parameters)
        return _select_spots(buffers.image, buffers.strong[:n_strong], parameters)

    def _extended(self, stored: Stored, buffers: Buffers, parameters: Parameters) -> Count:
        """List the strong pixels by the extended threshold; returns their number."""
        b, lowest = buffers, lowest_bright(parameters.nsigma_b)
        self._read_pixels(stored, b)
        return threshold_extended(b.image, self._valid, self._saturation, lowest, _thresholds(parameters), b.strong)

    def _suits_planes(self, chunk: Chunk, parameters: Parameters) -> bool:
        """Whether planes give the same spots, and probably sooner."""
        is_dim = len(chunk.encoded) < DIM_BYTES_PER_PIXEL[chunk.dtype.itemsize] * self._valid.size
        return is_dim and self._saturation >= LEAST_SATURATION and ones_are_in_no_spot(parameters)

    def _on_planes(self, chunk: Chunk, buffers: Buffers, parameters: Parameters) -> Count | None:
        """List the strong pixels that may be in spots; returns their number, None if planes would take too long."""
        b, (block, _) = buffers, block_buffers(block_bytes(chunk))
        check(chunk, fold(bytes_of(chunk), HEADER_BYTES, block, self._valid_plane, b.margin, b.planes, b.flat))
        margin_bits, thresholds = GROUP * b.margin, _thresholds(parameters)
        uncounted = self._find_uncounted(b)
        if uncounted is None:
            return None
        clear_pixels(uncounted, margin_bits, b.planes)
        if self._mark_candidates(b) > DIM_CANDIDATES * self._valid.size:
            return None
        with self._plane_without(uncounted, margin_bits) as valid:
            return threshold_planes(b.candidates, b.planes, valid, margin_bits, b.image, thresholds, b.strong)

    def _on_bytes(self, chunk: Chunk, buffers: Buffers, parameters: Parameters) -> Count | None:
        """List the strong pixels that may be in spots; returns their number, None if bytes would take too long."""
        b, (block, _) = buffers, block_buffers(block_bytes(chunk))
        valid, high, low = self._valid_plane[b.margin :], b.planes[HIGH, b.margin : -b.margin], b.low.reshape(-1)
        most_high = int(FEW_HIGH * valid.size)
        end = unfold_low(bytes_of(chunk), HEADER_BYTES, block, valid, most_high, high, low, b.flat)
        if end == TOO_BRIGHT:
            return None
        check(chunk, end)
        uncounted = self._find_uncounted(b)
        if uncounted is None:
            return None
        low[uncounted] = 0
        return self._threshold_dense(b.low, uncounted, b, parameters)

    def _on_pixels(self, stored: Stored, buffers: Buffers, parameters: Parameters) -> Count:
        """List the strong pixels that may be in spots; returns their number."""
        b = buffers
        self._read_pixels(stored, b)
        uncounted = b.uncounted[: clear_invalid(b.image, self._valid, self._saturation, b.uncounted)]
        return self._threshold_dense(b.image, uncounted, b, parameters)

    def _threshold_dense(
        self, low: Image, uncounted: NDArray[np.int32], buffers: Buffers, parameters: Parameters
    ) -> Count:
        """List the strong pixels that may be in spots; ``low`` is the image, or its bytes."""
        b, thresholds = buffers, _thresholds(parameters)
        with self._without(uncounted) as n_valid:
            pixels = slice(b.margin, b.margin + math.ceil(low.size / GROUP))
            find_excess(low, n_valid, float(parameters.nsigma_s), b.planes[RAISED, pixels])
            candidates = b.raised
            if parameters.min_spot_size >= LEAST_SPOT:
                self._mark_candidates(b)
                candidates = b.candidates
            return threshold_pixels(candidates, GROUP * b.margin, low, b.image, n_valid, thresholds, b.strong)

    def _find_uncounted(self, buffers: Buffers) -> NDArray[np.int32] | None:
        """The pixels in the plane ``HIGH`` that are in no sum, flat indices; None if any of them may be strong."""
        b, limit = buffers, min(self._saturation, MAX_COUNT)
        uncounted = b.uncounted[: find_uncounted(b.high, GROUP * b.margin, b.flat, limit, b.uncounted)]
        return None if (b.flat[uncounted] < self._saturation).any() else uncounted

    def _mark_candidates(self, buffers: Buffers) -> Count:
        """Mark the raised pixels that have neighbours to make a spot with; returns their number."""
        b, nx, words = buffers, self._valid.shape[1], buffers.margin // GROUP
        find_centres(b.raised, nx, words, b.centres)
        return add_neighbours(b.centres, b.raised, nx, words, b.candidates)

    def _read_pixels(self, stored: Stored, buffers: Buffers) -> None:
        """Put the valid pixels of an image into its buffer, and anything for the others."""
        if isinstance(stored, Chunk):
            decode(stored, self._valid_plane[buffers.margin :], buffers.image)
        else:
            np.copyto(buffers.image, unsigned(stored))

    @contextmanager
    def _plane_without(self, uncounted: NDArray[np.int32], margin_bits: int) -> Iterator[Bytes]:
        """The plane of valid pixels when these are not."""
        flip(self._valid_plane, margin_bits, uncounted)
        try:
            yield self._valid_plane
        finally:
            flip(self._valid_plane, margin_bits, uncounted)

    @contextmanager
    def _without(self, uncounted: NDArray[np.int32]) -> Iterator[NDArray[np.uint8]]:
        """Numbers of valid pixels in the windows when these are not."""
        if uncounted.size < FEW_UNCOUNTED * self._valid.size:
            change_count(self._n_valid, uncounted, -1)
            try:
                yield self._n_valid
            finally:
                change_count(self._n_valid, uncounted, 1)
        else:
            valid, n_valid = self._valid.copy(), np.empty_like(self._n_valid)
            valid.reshape(-1)[uncounted] = False
            count_valid(valid, n_valid)
            yield n_valid


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


def ones_are_in_no_spot(parameters: Parameters) -> bool:
    """Whether every pixel of a spot has 2 counts or more.

    Beside a pixel of 1 count in a spot of three, its window has a bright one, see ``lowest_bright``, and a third. With
    the least sum x that makes, the pixel must exceed the mean of n: n - x > nsigma_s sqrt(n x), easiest for n = 49.
    """
    least = 2 + lowest_bright(parameters.nsigma_b)
    exceeds = WINDOW_SIZE - least > parameters.nsigma_s * math.sqrt(WINDOW_SIZE * least)
    return parameters.min_spot_size >= LEAST_SPOT and not exceeds


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

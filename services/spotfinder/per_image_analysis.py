"""One image in, the figures of DIALS' per-image analysis out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.finder import DEFAULTS, Parameters, SpotFinder
from services.spotfinder.pixels import Stored
from services.spotfinder.resolution import Detector, in_ice_ring
from services.spotfinder.resolution_limit import distl_method_1, distl_method_2, estimate_d_min
from services.spotfinder.spots import Spots

TOO_FEW = 10  # spots outside ice rings, to estimate a resolution limit from
LOW_RESOLUTION_ANGSTROM = 4


class ImageAnalysis(NamedTuple):
    """What one image says.

    Attributes:
        n_spots_total, n_spots_no_ice, n_spots_4A: spots; those outside ice rings; those with d > 4 Å.
        total_intensity: of the spots outside ice rings [counts].
        estimated_d_min, d_min_distl_method_1, d_min_distl_method_2: resolution limit [Å]; None: too few spots.
        noisiness_method_1, noisiness_method_2: 0 (good) to 1; None: too few spots.
    """

    n_spots_total: int
    n_spots_no_ice: int
    n_spots_4A: int
    total_intensity: float
    estimated_d_min: float | None = None
    d_min_distl_method_1: float | None = None
    d_min_distl_method_2: float | None = None
    noisiness_method_1: float | None = None
    noisiness_method_2: float | None = None


class ImageAnalyser:
    """Analyses the images of one detector; keeps its buffers from image to image, so it serves one thread."""

    def __init__(self, mask: NDArray[np.bool_], detector: Detector) -> None:
        """Prepare for images with this mask (``[slow, fast]``, True for a valid pixel) from this detector."""
        self._detector = detector
        self._finder = SpotFinder(mask, detector.saturation)

    def analyse(self, stored: Stored, parameters: Parameters = DEFAULTS) -> ImageAnalysis:
        """Find the spots of an image and describe them.

        Raises:
            ValueError: see ``SpotFinder.find_spots``.
        """
        spots = self._finder.find_spots(stored, parameters)
        return describe_spots(spots, self._detector.d_spacings(spots.x, spots.y), parameters)


def analyse_image(
    stored: Stored,
    mask: NDArray[np.bool_],
    detector: Detector,
    parameters: Parameters = DEFAULTS,
) -> ImageAnalysis:
    """Find the spots of one image and describe them; for a series of images keep an ``ImageAnalyser``.

    Args:
        stored: the image.
        mask: of the same shape, True for a valid pixel.
        detector: geometry and saturation.
        parameters: what a spot is and which spots count.

    Raises:
        ValueError: if image and mask differ in shape.
    """
    return ImageAnalyser(mask, detector).analyse(stored, parameters)


def describe_spots(spots: Spots, d: NDArray[np.float64], parameters: Parameters) -> ImageAnalysis:
    """The figures of an image from its spots and their resolutions [Å].

    Source: DIALS per-image analysis.
    """
    spots, d = spots.select(d <= parameters.d_max), d[d <= parameters.d_max]
    is_ice = in_ice_ring(d, parameters.ice_ring_width)
    analysis = ImageAnalysis(
        n_spots_total=d.size,
        n_spots_no_ice=int((~is_ice).sum()),
        n_spots_4A=int((d > LOW_RESOLUTION_ANGSTROM).sum()),
        total_intensity=float(spots.counts[~is_ice].sum()),
    )
    if analysis.n_spots_no_ice <= TOO_FEW:
        return analysis
    method_1, method_2 = distl_method_1(d), distl_method_2(d)
    return analysis._replace(
        estimated_d_min=estimate_d_min(d, spots.counts, is_ice),
        d_min_distl_method_1=method_1.d_min,
        d_min_distl_method_2=method_2 and method_2.d_min,
        noisiness_method_1=method_1.noisiness,
        noisiness_method_2=method_2 and method_2.noisiness,
    )

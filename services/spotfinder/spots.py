"""What is found in an image."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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

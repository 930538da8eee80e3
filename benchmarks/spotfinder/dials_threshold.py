"""DIALS' extended dispersion threshold of single images; runs under Debian's Python, which has DIALS."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from dials.algorithms.image.threshold import DispersionExtendedThreshold
from dials.array_family import flex
from numpy.typing import NDArray


def strong_pixels(exposure: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Strong pixels of an image [slow, fast], given with its mask and its thresholds.

    The thresholds are nsigma_b, nsigma_s, min_local and global_threshold.
    """
    image = exposure["image"]
    nsigma_b, nsigma_s, min_local, global_threshold = exposure["thresholds"].tolist()
    threshold = DispersionExtendedThreshold(image.shape, (3, 3), nsigma_b, nsigma_s, global_threshold, int(min_local))
    strong = flex.bool(flex.grid(image.shape))
    threshold(flex.double(image.astype(np.float64)), flex.bool(exposure["mask"].astype(np.bool_)), strong)
    return strong.as_numpy_array()


def main(folder: str) -> None:
    """Write ``strong_<n>.npy`` for each ``exposure_<n>.npz`` there."""
    for path in Path(folder).glob("exposure_*.npz"):
        with np.load(path) as exposure:
            np.save(path.with_name(f"{path.stem.replace('exposure', 'strong')}.npy"), strong_pixels(exposure))


if __name__ == "__main__":
    main(*sys.argv[1:])

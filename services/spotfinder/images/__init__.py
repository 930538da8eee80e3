"""Reading single images of a collection, also while it is being written (the only part that knows HDF5 and CBF)."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.bitshuffle import decoded
from services.spotfinder.images.files import OpenFiles
from services.spotfinder.images.mask_file import read_mask_file
from services.spotfinder.images.minicbf import SUFFIXES, CbfImage
from services.spotfinder.images.nexus import NexusImages
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable
from services.spotfinder.images.template import CbfSeries
from services.spotfinder.pixels import Pixels, Stored
from services.spotfinder.resolution import Detector

__all__ = ["ImageNotReady", "ImageSource", "ImageUnreadable", "OpenFiles", "open_images", "read", "read_mask_file"]


class ImageSource(Protocol):
    """The images of one collection. Nothing here waits.

    Attributes:
        detector: that took them.
        mask: ``[slow, fast]``, True for a valid pixel.
    """

    detector: Detector
    mask: NDArray[np.bool_]

    def stored(self, image: int) -> AbstractContextManager[Stored]:
        """The image of this index (from 0) as it is stored, while it is worked on.

        Raises:
            ImageNotReady: if it is not there yet.
            ImageUnreadable: if it will never be, or turns out within to hold nonsense (``ValueError``).
        """

    def count(self) -> int:
        """Number of images, as far as it is known now.

        Raises:
            ImageNotReady, ImageUnreadable: if nothing is known yet, or never will be.
        """

    def is_current(self) -> bool:
        """Whether the file that describes the collection is still the one that was read."""


def open_images(path: Path, files: OpenFiles) -> ImageSource:
    """The images of an NXmx or DECTRIS master, of a miniCBF file, or of a template of miniCBF files (grid_1_####.cbf).

    Raises:
        ImageNotReady, ImageUnreadable: if the description cannot be read.
    """
    if path.name.endswith(SUFFIXES):
        return CbfSeries(path) if "#" in path.name else CbfImage(path)
    return NexusImages(path, files)


def read(source: ImageSource, image: int) -> Pixels:
    """The image of this index (from 0), ``[slow, fast]`` [counts].

    Raises:
        ImageNotReady, ImageUnreadable: see ``ImageSource.stored``.
    """
    with source.stored(image) as stored:
        return decoded(stored)

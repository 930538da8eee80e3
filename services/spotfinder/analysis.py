"""What a worker process is asked for: figures of the images that are there, state kept from call to call."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from services.spotfinder.bitshuffle import blank, is_zero
from services.spotfinder.finder import DEFAULTS, Parameters
from services.spotfinder.images import ImageNotReady, ImageSource, ImageUnreadable, OpenFiles, open_images
from services.spotfinder.per_image_analysis import ImageAnalyser, ImageAnalysis, describe_spots
from services.spotfinder.resolution import Detector
from services.spotfinder.spots import Spots
from services.spotfinder.untrusted import NOTHING, Untrusted

PIXELS: Final = 40_000_000  # of the masks that are kept, 2.1 bytes each: two collections of 16M, eight of 4M
COLLECTIONS: Final = 32  # whose masks are kept, if these are small
FILES: Final = 32  # kept open


@dataclass(frozen=True)
class ImageReport:
    """What became of one image.

    Attributes:
        image: index within the collection, from 0.
        analysis: its figures; None if it could not be read.
        failure: why it could not be read; empty if it could.
        seconds: time spent on it [s].
    """

    image: int
    analysis: ImageAnalysis | None = None
    failure: str = ""
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """The analysis by field name; empty if there is none."""
        return self.analysis._asdict() if self.analysis else {}


class Analyst:
    """Analyses images of the collections it was asked about last; serves one thread."""

    def __init__(self, most_pixels: int = PIXELS) -> None:
        """Keep masks of so many pixels."""
        self._most_pixels = most_pixels
        self._files = OpenFiles(limit=FILES)
        self._collections: OrderedDict[tuple[str, Untrusted], tuple[ImageSource, ImageAnalyser]] = OrderedDict()

    def report(self, master_file: str, image: int, parameters: Parameters, untrusted: Untrusted) -> ImageReport:
        """Analyse one image.

        Raises:
            ImageNotReady: if it is not there yet.
        """
        start = perf_counter()
        try:
            source, analyser = self._collection(master_file, untrusted)
            with source.stored(image) as stored:
                analysis = analyser.analyse(stored, parameters)
        except ImageUnreadable as fault:
            return ImageReport(image=image, failure=str(fault), seconds=perf_counter() - start)
        return ImageReport(image=image, analysis=analysis, seconds=perf_counter() - start)

    def count(self, master_file: str) -> int:
        """Number of images, as far as it is known now.

        Raises:
            ImageNotReady, ImageUnreadable: if nothing is known yet, or never will be.
        """
        return self._collection(master_file, NOTHING)[0].count()

    def _collection(self, master_file: str, untrusted: Untrusted) -> tuple[ImageSource, ImageAnalyser]:
        source, analyser = self._collections.pop((master_file, untrusted), (None, None))
        if source is None or analyser is None or not source.is_current():
            source = open_images(Path(master_file), self._files)
            analyser = ImageAnalyser(untrusted.exclude_from(source.mask), source.detector)
        self._collections[master_file, untrusted] = source, analyser
        while self._is_full():
            self._collections.popitem(last=False)
        return source, analyser

    def _is_full(self) -> bool:
        n_pixels = sum(source.mask.size for source, _ in self._collections.values())
        n = len(self._collections)
        return n > COLLECTIONS or (n > 1 and n_pixels > self._most_pixels)


_analyst = Analyst()


def analyse_available(
    master_file: str, images: Sequence[int], parameters: Parameters = DEFAULTS, untrusted: Untrusted = NOTHING
) -> list[ImageReport]:
    """Report on the images in order, up to the first that is not there yet.

    Args:
        master_file: NXmx or DECTRIS master, a miniCBF file, or a template of such files.
        images: indices within the collection, from 0.
        parameters: what a spot is and which spots count.
        untrusted: where there are no spots.
    """
    reports: list[ImageReport] = []
    for image in images:
        try:
            reports.append(_analyst.report(master_file, image, parameters, untrusted))
        except ImageNotReady:
            break
    return reports


def count_images(master_file: str) -> int:
    """Number of images of a collection, as far as it is known now.

    Raises:
        ImageNotReady, ImageUnreadable: if nothing is known yet, or never will be.
    """
    return _analyst.count(master_file)


def warm_up() -> None:
    """Compile the kernels for images of 8, 16 and 32 bits, or load them compiled, so that no image waits for that."""
    detector = Detector((0.1, 0.1), 100.0, (0.0, 0.0), 1.0, "Si", 0.45)
    analyser = ImageAnalyser(np.ones((64, 64), np.bool_), detector)
    for dtype in (np.uint8, np.uint16, np.uint32):
        chunk = blank((64, 64), np.dtype(dtype))
        is_zero(chunk)  # a mask
        analyser.analyse(chunk)  # on bit planes
        analyser.analyse(chunk, Parameters(min_spot_size=1))  # on pixels
        analyser.analyse(chunk, Parameters(algorithm="dispersion_extended"))
    d = np.linspace(2.0, 8.0, 20)
    describe_spots(Spots(d, d, d, np.arange(d.size)), d, DEFAULTS)

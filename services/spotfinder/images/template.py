"""A collection of single-image files, named by a template such as grid_1_####.cbf, as ISPyB and DIALS write it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.files import Stamp
from services.spotfinder.images.minicbf import read_cbf, read_detector
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable
from services.spotfinder.resolution import Detector

FIRST = 1  # number of the file that holds image 0, as GDA counts


class Template:
    """File names that differ by a number, which takes the place of the last ``#``s, with leading zeros."""

    def __init__(self, path: Path) -> None:
        *before, self._hashes, self._after = re.split("(#+)", path.name)
        self._folder, self._before = path.parent, "".join(before)

    def file(self, number: int) -> Path:
        """The file of this number."""
        return self._folder / f"{self._before}{number:0{len(self._hashes)}d}{self._after}"

    def numbers(self) -> list[int]:
        """Numbers of the files that are there, ascending."""
        name = re.compile(rf"{re.escape(self._before)}(\d{{{len(self._hashes)},}}){re.escape(self._after)}")
        names = (file.name for file in self._folder.iterdir()) if self._folder.is_dir() else ()
        return sorted(int(found[1]) for found in map(name.fullmatch, names) if found)


class Described(NamedTuple):
    """A file, how it was when it was read, and what was in it: pixels (``[slow, fast]`` [counts]) and the detector."""

    path: Path
    stamp: Stamp
    pixels: NDArray[np.int32]
    detector: Detector


class CbfSeries:
    """Images in a miniCBF file each; image 0 is in file number 1.

    The first file that can be read describes the detector, and what is negative in it (gaps, bad pixels) is masked in
    all images.
    """

    def __init__(self, path: Path) -> None:
        """Read what is the same for all images.

        Raises:
            ImageNotReady: if no file can be read yet.
        """
        self._template = Template(path)
        self._first, self._stamp, pixels, self.detector = self._find_readable()
        self.mask: NDArray[np.bool_] = pixels >= 0

    @contextmanager
    def stored(self, image: int) -> Iterator[NDArray[np.int32]]:
        """See ``ImageSource``; pixels are negative where they are not valid."""
        path = self._template.file(FIRST + image)
        pixels = read_cbf(path).pixels
        if pixels.shape != self.mask.shape:
            raise ImageUnreadable(f"{path}: image of {pixels.shape} pixels, expected {self.mask.shape}")
        yield pixels

    def count(self) -> int:
        """The highest number among the files that are there."""
        return max(self._template.numbers(), default=FIRST - 1) - FIRST + 1

    def is_current(self) -> bool:
        """Whether the file that describes the detector is as it was when it was read."""
        return Stamp.of(self._first) == self._stamp

    def _find_readable(self) -> Described:
        """The first file that can be read: one that is broken costs its own image only."""
        reason = f"{self._template.file(FIRST)} does not exist"
        for number in self._numbers():
            path = self._template.file(number)
            try:
                stamp = Stamp.of(path)
                pixels, header = read_cbf(path)
                return Described(path, stamp, pixels, read_detector(path, header))
            except (ImageNotReady, ImageUnreadable) as fault:
                reason = str(fault)
        raise ImageNotReady(reason)

    def _numbers(self) -> Iterator[int]:
        yield FIRST
        yield from (number for number in self._template.numbers() if number > FIRST)

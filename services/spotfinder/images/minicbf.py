"""One image in a miniCBF file, as PILATUS and EIGER detectors write them, perhaps compressed by gzip."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import fabio
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.attenuation import Material
from services.spotfinder.images.files import Stamp
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable, has_settled
from services.spotfinder.resolution import Detector

NUMBER: Final = r"([-+.\deE]+)"
SENSORS: Final[dict[str, Material]] = {"Silicon": "Si", "CdTe": "CdTe", "GaAs": "GaAs"}


class CbfImage:
    """The only image of its file."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            ImageNotReady, ImageUnreadable: if that is not possible.
        """
        self._path = path
        self._stamp = Stamp.of(path)
        try:
            cbf = fabio.open(str(path))
            self._pixels = np.ascontiguousarray(cbf.data, np.int32)
            self.detector = parse_header(cbf.header["_array_data.header_contents"])
        except (OSError, EOFError, KeyError, ValueError, RuntimeError, AssertionError, zlib.error) as error:
            fault = ImageUnreadable if has_settled(path) else ImageNotReady
            raise fault(f"{path}: {str(error) or 'not a whole CBF file'}") from error
        self.mask: NDArray[np.bool_] = self._pixels >= 0

    @contextmanager
    def stored(self, image: int) -> Iterator[NDArray[np.int32]]:
        """See ``ImageSource``; pixels are negative where they are not valid."""
        if image != 0:
            raise ImageUnreadable(f"{self._path} holds one image; there is no image {image}")
        yield self._pixels

    def count(self) -> int:
        """One."""
        return 1

    def is_current(self) -> bool:
        """Whether the file is as it was when it was read."""
        return Stamp.of(self._path) == self._stamp


def parse_header(header: str) -> Detector:
    """The detector of a miniCBF header, whose lengths are in metres.

    Raises:
        ValueError: if something is missing or makes no sense.
    """
    pixel_x_m, pixel_y_m = _numbers(rf"Pixel_size\s+{NUMBER}\s+m\s+x\s+{NUMBER}\s+m", header)
    beam_x_px, beam_y_px = _numbers(rf"Beam_xy\s+\({NUMBER},\s*{NUMBER}\)", header)
    sensor = re.search(rf"({'|'.join(SENSORS)})\s+sensor,\s+thickness\s+{NUMBER}\s+m", header)
    return Detector(
        pixel_size_mm=(1e3 * pixel_x_m, 1e3 * pixel_y_m),
        distance_mm=1e3 * _numbers(rf"Detector_distance\s+{NUMBER}\s+m", header)[0],
        beam_centre_px=(beam_x_px, beam_y_px),
        wavelength_angstrom=_numbers(rf"Wavelength\s+{NUMBER}\s+A", header)[0],
        sensor_material=SENSORS[sensor[1]] if sensor else None,
        sensor_thickness_mm=1e3 * float(sensor[2]) if sensor else 0.0,
        saturation=int(_numbers(rf"Count_cutoff\s+{NUMBER}\s+counts", header)[0]),
    )


def _numbers(pattern: str, header: str) -> list[float]:
    found = re.search(pattern, header)
    if not found:
        raise ValueError(f"no {pattern.partition(chr(92))[0]} in the header")
    return [float(number) for number in found.groups()]

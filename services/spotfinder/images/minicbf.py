"""An image in a miniCBF file, as PILATUS and EIGER detectors write them, perhaps compressed by gzip or bzip2."""

import bz2
import gzip
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from fabio.cbfimage import CbfImage as CbfFile
from numpy.typing import NDArray

from services.spotfinder.attenuation import Material
from services.spotfinder.images import barrel
from services.spotfinder.images.files import Stamp
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable, has_settled
from services.spotfinder.resolution import NO_SATURATION, Detector

SUFFIXES: Final = (".cbf", ".cbf.gz", ".cbf.bz2")
UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {".cbf": bytes, ".gz": gzip.decompress, ".bz2": bz2.decompress}
MARK: Final = b"\x0c\x1a\x04\xd5"  # stands before the pixels
NUMBER: Final = r"([-+.\deE]+)"
SENSORS: Final[dict[str, Material]] = {"Silicon": "Si", "CdTe": "CdTe", "GaAs": "GaAs"}
FAULTS: Final = (OSError, EOFError, KeyError, ValueError, RuntimeError, AssertionError, zlib.error)  # fabio's


class Cbf(NamedTuple):
    """What a file holds: pixels (``[slow, fast]`` [counts], negative where not valid), and what its header says."""

    pixels: NDArray[np.int32]
    header: str


class CbfImage:
    """The only image of its file."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            ImageNotReady, ImageUnreadable: if that is not possible.
        """
        self._path = path
        self._stamp = Stamp.of(path)
        self._pixels, header = read_cbf(path)
        self.detector = read_detector(path, header)
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


def read_cbf(path: Path) -> Cbf:
    """The content of a file.

    Raises:
        ImageNotReady: if it is not there, or not whole and may still be written.
        ImageUnreadable: if it is no whole CBF file, and nobody has changed it for a while.
    """
    try:
        stream = BytesIO(_whole_content(path))
        stream.name = str(path)
        cbf = CbfFile().read(stream, check_MD5=False)
        return Cbf(np.ascontiguousarray(cbf.data, np.int32), cbf.header["_array_data.header_contents"])
    except FileNotFoundError as error:
        raise ImageNotReady(f"{path} does not exist") from error
    except FAULTS as error:
        fault = ImageUnreadable if has_settled(path) else ImageNotReady
        raise fault(f"{path}: {error}") from error


def _whole_content(path: Path) -> bytes:
    """All that is in a file, decompressed.

    What is checked here fabio does not check: it would look for the pixels of half a file for ever.

    Raises:
        ValueError: if pixels are missing or damaged, or packed in another way than detectors do.
    """
    content = UNPACK[path.suffix](path.read_bytes())
    head, _, pixels = content.partition(MARK)
    size = re.search(rb"X-Binary-Size:\s*(\d+)", head)
    if not size or len(pixels) < int(size[1]):
        raise ValueError(f"cut short after {len(content)} bytes")
    if b"x-CBF_BYTE_OFFSET" not in head or b"32-bit integer" not in head:
        raise ValueError("pixels are not byte offsets of 32 bit integers")
    checksum = re.search(rb"Content-MD5:\s*(\S+)", head)
    if checksum and b64decode(checksum[1]) != md5(pixels[: int(size[1])], usedforsecurity=False).digest():
        raise ValueError("pixels do not agree with their checksum")
    return content


def read_detector(path: Path, header: str) -> Detector:
    """The detector that a file's header describes.

    Raises:
        ImageUnreadable: if something is missing or makes no sense.
    """
    try:
        return parse_header(header)
    except ValueError as error:
        raise ImageUnreadable(f"{path}: {error}") from error


def parse_header(header: str) -> Detector:
    """The detector of a miniCBF header, whose lengths are in metres.

    Raises:
        ValueError: if something is missing or makes no sense.
    """
    pixel_x_m, pixel_y_m = _numbers(rf"Pixel_size\s+{NUMBER}\s+m\s+x\s+{NUMBER}\s+m", header)
    beam_x_px, beam_y_px = _numbers(rf"Beam_xy\s+\({NUMBER},\s*{NUMBER}\)", header)
    sensor = re.search(rf"({'|'.join(SENSORS)})\s+sensor,\s+thickness\s+{NUMBER}\s+m", header)
    is_barrel = barrel.SERIAL_NUMBER in header
    return (barrel.Barrel if is_barrel else Detector)(
        pixel_size_mm=(1e3 * pixel_x_m, 1e3 * pixel_y_m),
        distance_mm=1e3 * _numbers(rf"Detector_distance\s+{NUMBER}\s+m", header)[0],
        beam_centre_px=(beam_x_px, beam_y_px),
        wavelength_angstrom=_numbers(rf"Wavelength\s+{NUMBER}\s+A", header)[0],
        sensor_material=SENSORS[sensor[1]] if sensor else None,
        sensor_thickness_mm=1e3 * float(sensor[2]) if sensor else 0.0,
        saturation=barrel.SATURATION if is_barrel else _saturation(header),
    )


def _saturation(header: str) -> int:
    """Counts from which pixels are not trusted; converters from HDF5 leave it out."""
    if "Count_cutoff" not in header:
        return NO_SATURATION
    return int(_numbers(rf"Count_cutoff\s+{NUMBER}\s+counts", header)[0])


def _numbers(pattern: str, header: str) -> list[float]:
    found = re.search(pattern, header)
    if not found:
        raise ValueError(f"no {pattern.partition(chr(92))[0]} in the header")
    return [float(number) for number in found.groups()]

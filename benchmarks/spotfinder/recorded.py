"""A recorded EIGER image as a data collection of its own, encoded as the detector would have written it."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.spotfinder.scenes import BitDepth
from services.spotfinder.images import ImageSource, OpenFiles, open_images, read
from services.spotfinder.pixels import Pixels
from simulator.detector import Detector
from simulator.nxmx import DETECTOR
from simulator.sample import Beam
from simulator.scans import Axis, Exposer

ROOT = Path(__file__).parents[2]
EIGER_IMAGE = "eiger16m/dlsnxs2cbf_therm_0001.cbf.gz"


@dataclass(frozen=True)
class RecordedScan:
    """One image of an EIGER 16M, in the shape of a scan.

    Attributes:
        path: of the miniCBF file.
        bit_depth: to encode it in.
        exposure_s: of the image.
        n_images: twice the same, since DIALS keeps the last image that it has read.
    """

    path: Path
    bit_depth: BitDepth
    exposure_s: float = 0.008
    n_images: int = 2

    @cached_property
    def _source(self) -> ImageSource:
        return open_images(self.path, OpenFiles(limit=1))

    @cached_property
    def _pixels(self) -> Pixels:
        return read(self._source, 0)

    @cached_property
    def detector(self) -> Detector:
        """The simulator's 16M, where this one stood."""
        recorded, (slow, fast) = self._source.detector, Detector(model="16M").shape
        return Detector(
            model="16M",
            distance_mm=recorded.distance_mm,
            beam_offset_px=(recorded.beam_centre_px[0] - fast / 2, recorded.beam_centre_px[1] - slow / 2),
            bit_depth=self.bit_depth,
        )

    @property
    def beam(self) -> Beam:
        return Beam(wavelength=self._source.detector.wavelength_angstrom)

    @property
    def axes(self) -> list[Axis]:
        return [Axis("omega", "rotation", np.array([174.0, 174.25]), (-1, 0, 0))]

    def prepare(self) -> Exposer:
        """Nothing to prepare: the image is there."""
        return lambda _image: self._encoded()

    def store_mask(self, master: Path) -> None:
        """Put the recorded mask into a master file, in the place of the simulated one."""
        with h5py.File(master, "r+") as file:
            file[f"{DETECTOR}/pixel_mask"][...] = self._pixels < 0

    def _encoded(self) -> NDArray[np.unsignedinteger]:
        dtype = self.detector.dtype
        return np.where(self._pixels < 0, np.iinfo(dtype).max, self._pixels).astype(dtype)


def recorded_eiger(bit_depth: BitDepth) -> RecordedScan | None:
    """The image below ``$MXMESH_DATA`` or beside the checkout; None if it is not there."""
    path = Path(os.environ.get("MXMESH_DATA", ROOT.parent / "shared/data")) / EIGER_IMAGE
    return RecordedScan(path, bit_depth) if path.exists() else None

"""A set as those read it who want pixels: h5py and numpy, no module of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers bitshuffle
import numpy as np

DETECTOR = "/entry/instrument/detector"


@dataclass(frozen=True)
class Recording:
    """Pixels and geometry of a set.

    Attributes:
        images: an array [slow, fast] each, the detector's own type.
        valid: of the same shape, True for a valid pixel.
        beam_centre_px: fast, slow.
        pixel_mm, distance_mm, wavelength: millimetres and Å.
    """

    images: list[np.ndarray[Any, Any]]
    valid: np.ndarray[Any, Any]
    beam_centre_px: tuple[float, float]
    pixel_mm: float
    distance_mm: float
    wavelength: float

    def as_float(self) -> list[np.ndarray[Any, Any]]:
        """The images in 32-bit floating point, invalid pixels 0, as C libraries of the field want them."""
        return [np.where(self.valid, image, 0).astype(np.float32) for image in self.images]


def read_set(master: str) -> Recording:
    """All images of a set."""
    with h5py.File(master) as file:
        detector = file[DETECTOR]
        return Recording(
            images=[images[n] for images in linked_images(file) for n in range(len(images))],
            valid=detector["pixel_mask"][()] == 0,
            beam_centre_px=(float(detector["beam_center_x"][()]), float(detector["beam_center_y"][()])),
            pixel_mm=_millimetres(detector["x_pixel_size"]),
            distance_mm=_millimetres(detector["distance"] if "distance" in detector else detector["detector_distance"]),
            wavelength=float(np.ravel(file["/entry/instrument/beam/incident_wavelength"][()])[0]),
        )


def linked_images(file: h5py.File) -> list[h5py.Dataset]:
    """The datasets that hold a collection's images, in order."""
    data = file["/entry/data"]
    return [data[name] for name in sorted(data) if name.startswith("data_")]


def _millimetres(length: h5py.Dataset) -> float:
    unit = np.asarray(length.attrs["units"]).item()
    scale = {"m": 1e3, "mm": 1.0}[unit.decode() if isinstance(unit, bytes) else str(unit)]
    return scale * float(np.ravel(length[()])[0])

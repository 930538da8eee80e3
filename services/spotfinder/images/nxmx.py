"""What the master file of a collection says once for all images (NXmx, DECTRIS): the detector and its mask."""

import math
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.attenuation import Material
from services.spotfinder.bitshuffle import is_zero
from services.spotfinder.images.dataset import Dataset
from services.spotfinder.images.files import OpenFiles
from services.spotfinder.images.readiness import ImageUnreadable, explained
from services.spotfinder.resolution import NO_SATURATION, Detector

MATERIALS: Final[dict[str, Material]] = {"Si": "Si", "Silicon": "Si", "CdTe": "CdTe", "GaAs": "GaAs"}
MILLIMETRES: Final = {"m": 1e3, "metre": 1e3, "mm": 1.0, "um": 1e-3, "micron": 1e-3}
ANGSTROMS: Final = {"angstrom": 1.0, "Angstrom": 1.0, "A": 1.0, "nm": 10.0, "m": 1e10}
USUAL_NAMES: Final = {  # of groups in masters of the first DECTRIS software, which does not name the class of each
    "NXentry": "entry",
    "NXinstrument": "instrument",
    "NXdetector": "detector",
    "NXsample": "sample",
    "NXbeam": "beam",
}
DISTANCES: Final = ("distance", "detector_distance")
PIXEL_MASKS: Final = ("pixel_mask", "detectorSpecific/pixel_mask")
SATURATIONS: Final = (
    "saturation_value",
    "detectorSpecific/countrate_correction_count_cutoff",
    "detectorSpecific/detectorModule_000/countrate_correction_count_cutoff",
    "detectorSpecific/saturation_value",
)


class Master:
    """The master file of a collection; what it says may stand in files that it links to."""

    def __init__(self, path: Path, files: OpenFiles) -> None:
        """Find the first NXdetector, and the first NXbeam of the instrument and of the sample.

        Raises:
            ImageNotReady, ImageUnreadable: if there is none.
        """
        self._path = path
        self._files = files
        with explained(path):
            entry = _require(files.get(path), "NXentry")
            instrument = _require(entry, "NXinstrument")
            self._detector = _require(instrument, "NXdetector")
            self._beams = [_child(group, "NXbeam") for group in (instrument, _child(entry, "NXsample")) if group]

    def read_detector(self, dtype: np.dtype[Any]) -> Detector:
        """The detector; its images are of type ``dtype``.

        Raises:
            ImageNotReady, ImageUnreadable: if something is missing or makes no sense.
        """
        with explained(self._path):
            try:
                return self._describe(_markers(dtype))
            except ValueError as error:
                raise ImageUnreadable(f"{self._path}: {error}") from error

    def read_mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """True for a valid pixel, ``[slow, fast]``: the detector's ``pixel_mask`` is 0 there, or it has none.

        Raises:
            ImageNotReady, ImageUnreadable: if it cannot be read, or has another shape than the images.
        """
        with explained(self._path):
            dataset = self._find(self._detector, *PIXEL_MASKS)
            if dataset is None:
                return np.ones(shape, np.bool_)
            chunk = Dataset(self._path, dataset).whole()
            mask = is_zero(chunk) if chunk else np.squeeze(dataset[()]) == 0
        if mask.shape != shape:
            raise ImageUnreadable(f"{self._path}: pixel_mask of {mask.shape} pixels, images of {shape}")
        return np.asarray(mask)

    def _describe(self, highest: int) -> Detector:
        thickness = self._find(self._detector, "sensor_thickness")
        return Detector(
            pixel_size_mm=(self._length_mm("x_pixel_size"), self._length_mm("y_pixel_size")),
            distance_mm=self._length_mm(*DISTANCES),
            beam_centre_px=(
                _number(self._get(self._detector, "beam_center_x")),
                _number(self._get(self._detector, "beam_center_y")),
            ),
            wavelength_angstrom=_scaled(self._wavelength(), ANGSTROMS, default="angstrom"),
            sensor_material=_material(self._find(self._detector, "sensor_material")),
            sensor_thickness_mm=_scaled(thickness, MILLIMETRES, default="m") if thickness else 0.0,
            saturation=min(_saturation(self._find(self._detector, *SATURATIONS)), highest),
        )

    def _length_mm(self, *names: str) -> float:
        return _scaled(self._get(self._detector, *names), MILLIMETRES, default="m")

    def _wavelength(self) -> h5py.Dataset:
        for beam in filter(None, self._beams):
            wavelength = self._find(beam, "incident_wavelength")
            if wavelength is not None:
                return wavelength
        raise KeyError("no NXbeam has incident_wavelength")

    def _get(self, group: h5py.Group, *names: str) -> h5py.Dataset:
        dataset = self._find(group, *names)
        if dataset is None:
            raise KeyError(f"{group.name} has no {' or '.join(names)}")
        return dataset

    def _find(self, group: h5py.Group, *names: str) -> h5py.Dataset | None:
        """The first of these datasets that is there; None if none of them is.

        Raises:
            ImageNotReady: if it is a link to a file that is not there yet.
        """
        for name in names:
            if group.get(name, getlink=True) is not None:
                return self._files.dataset(self._path, f"{group.name}/{name}").handle
        return None


def _require(group: h5py.Group, nx_class: str) -> h5py.Group:
    child = _child(group, nx_class)
    if child is None:
        raise KeyError(f"{group.name} has no {nx_class}")
    return child


def _child(group: h5py.Group, nx_class: str) -> h5py.Group | None:
    """The first group of this class, or else of the usual name, among those that are stored in the file itself."""
    stored = [name for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink)]
    classes = {name: _text(group[name].attrs.get("NX_class", "")) for name in stored}
    named = [name for name in stored if classes[name] == nx_class]
    usual = [name for name in stored if name == USUAL_NAMES[nx_class] and not classes[name]]
    return next((group[name] for name in named + usual), None)


def _scaled(dataset: h5py.Dataset, factors: dict[str, float], default: str) -> float:
    units = _text(dataset.attrs.get("units", default))
    if units not in factors:
        raise ValueError(f"{dataset.name} in {units!r}, not in one of {', '.join(factors)}")
    return _number(dataset) * factors[units]


def _number(dataset: h5py.Dataset) -> float:
    """Its value; the first, if it is an array."""
    number = float(np.ravel(dataset[()])[0])
    if not math.isfinite(number):
        raise ValueError(f"{dataset.name} is {number}")
    return number


def _material(dataset: h5py.Dataset | None) -> Material | None:
    if dataset is None:
        return None
    name = _text(np.ravel(dataset[()])[0])
    if name not in MATERIALS:
        raise ValueError(f"sensor_material is {name!r}, not one of {', '.join(MATERIALS)}")
    return MATERIALS[name]


def _saturation(dataset: h5py.Dataset | None) -> int:
    """Counts from which pixels are not trusted; DIALS leaves out the saturation value itself."""
    return NO_SATURATION if dataset is None else int(_number(dataset))


def _markers(dtype: np.dtype[Any]) -> int:
    """The two highest values of a type mark pixels that are no pixels; 32 bits are read as signed ones."""
    return min(int(np.iinfo(dtype).max), NO_SATURATION) - 1


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

"""What the master file of a collection says once for all images (NXmx): the detector and its mask."""

import math
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.attenuation import Material
from services.spotfinder.images.readiness import ImageUnreadable
from services.spotfinder.resolution import NO_SATURATION, Detector

MATERIALS: Final[dict[str, Material]] = {"Si": "Si", "Silicon": "Si", "CdTe": "CdTe", "GaAs": "GaAs"}
MILLIMETRES: Final = {"m": 1e3, "metre": 1e3, "mm": 1.0, "um": 1e-3, "micron": 1e-3}
ANGSTROMS: Final = {"angstrom": 1.0, "Angstrom": 1.0, "A": 1.0, "nm": 10.0, "m": 1e10}


def read_detector(master: h5py.File, dtype: np.dtype[Any]) -> Detector:
    """The detector of the first NXdetector of the first NXinstrument; its images are of type ``dtype``.

    Raises:
        ImageUnreadable: if something is missing or makes no sense.
        KeyError, OSError: what h5py raises.
    """
    instrument = _child(_child(master, "NXentry"), "NXinstrument")
    detector = _child(instrument, "NXdetector")
    try:
        return Detector(
            pixel_size_mm=(_length_mm(detector, "x_pixel_size"), _length_mm(detector, "y_pixel_size")),
            distance_mm=_length_mm(detector, _first_present(detector, "distance", "detector_distance")),
            beam_centre_px=(_number(detector["beam_center_x"]), _number(detector["beam_center_y"])),
            wavelength_angstrom=_wavelength_angstrom(instrument),
            sensor_material=_material(detector),
            sensor_thickness_mm=_length_mm(detector, "sensor_thickness") if "sensor_thickness" in detector else 0.0,
            saturation=min(_saturation(detector), _markers(dtype)),
        )
    except ValueError as error:
        raise ImageUnreadable(f"{master.filename}: {error}") from error


def read_mask(master: h5py.File, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """True for a valid pixel, ``[slow, fast]``: the detector's ``pixel_mask`` is 0 there, or it has none.

    Raises:
        ImageUnreadable: if it has another shape than the images.
        KeyError, OSError: what h5py raises.
    """
    detector = _child(_child(_child(master, "NXentry"), "NXinstrument"), "NXdetector")
    name = next((n for n in ("pixel_mask", "detectorSpecific/pixel_mask") if n in detector), None)
    if name is None:
        return np.ones(shape, np.bool_)
    pixel_mask = np.squeeze(detector[name][()])
    if pixel_mask.shape != shape:
        raise ImageUnreadable(f"{master.filename}: pixel_mask of {pixel_mask.shape} pixels, images of {shape}")
    return np.asarray(pixel_mask == 0)


def _child(group: h5py.Group, nx_class: str) -> h5py.Group:
    """The first group of this class among those that are stored in the file itself."""
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink) and _nx_class(group[name]) == nx_class:
            return group[name]
    raise ImageUnreadable(f"{group.file.filename}: {group.name} has no {nx_class}")


def _nx_class(item: h5py.Group | h5py.Dataset) -> str:
    return _text(item.attrs.get("NX_class", ""))


def _first_present(group: h5py.Group, *names: str) -> str:
    return next((name for name in names if name in group), names[0])


def _length_mm(group: h5py.Group, name: str) -> float:
    return _number(group[name]) * _factor(group[name], MILLIMETRES, default="m")


def _wavelength_angstrom(instrument: h5py.Group) -> float:
    wavelength = _child(instrument, "NXbeam")["incident_wavelength"]
    return _number(wavelength) * _factor(wavelength, ANGSTROMS, default="angstrom")


def _factor(dataset: h5py.Dataset, factors: dict[str, float], default: str) -> float:
    units = _text(dataset.attrs.get("units", default))
    if units not in factors:
        raise ValueError(f"{dataset.name} in {units!r}, not in one of {', '.join(factors)}")
    return factors[units]


def _number(dataset: h5py.Dataset) -> float:
    """Its value; the first, if it is an array."""
    number = float(np.ravel(dataset[()])[0])
    if not math.isfinite(number):
        raise ValueError(f"{dataset.name} is {number}")
    return number


def _material(detector: h5py.Group) -> Material | None:
    if "sensor_material" not in detector:
        return None
    name = _text(np.ravel(detector["sensor_material"][()])[0])
    if name not in MATERIALS:
        raise ValueError(f"sensor_material is {name!r}, not one of {', '.join(MATERIALS)}")
    return MATERIALS[name]


def _saturation(detector: h5py.Group) -> int:
    """Counts from which pixels are not trusted; DIALS leaves out the saturation value itself."""
    return int(_number(detector["saturation_value"])) if "saturation_value" in detector else NO_SATURATION


def _markers(dtype: np.dtype[Any]) -> int:
    """The two highest values of a type mark pixels that are no pixels; 32 bits are read as signed ones."""
    return min(int(np.iinfo(dtype).max), NO_SATURATION) - 1


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

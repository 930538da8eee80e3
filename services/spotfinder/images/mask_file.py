"""Masks that somebody drew or measured, in the formats of the field."""

from pathlib import Path
from typing import Final

import fabio
import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.readiness import ImageUnreadable

HDF5: Final = (".h5", ".hdf5", ".nxs")
PICKLES: Final = (".mask", ".pickle", ".pkl")
PIXEL_MASKS: Final = (
    "entry/instrument/detector/pixel_mask",
    "entry/instrument/detector/detectorSpecific/pixel_mask",
    "mask",  # of Odin's metadata files
)


def read_mask_file(path: Path) -> NDArray[np.bool_]:
    """The mask in a file: ``[slow, fast]``, True for a valid pixel.

    Numbers mean what they mean in NXmx and in the masks of pyFAI and silx: 0 is a valid pixel, anything else is not.
    Truth values mean what they mean in DIALS: true is a valid pixel.

    Args:
        path: of a numpy array (``.npy``); of an NXmx file, a DECTRIS master, or any HDF5 file with one image in it; or
            of an image in a format that fabio reads (TIFF, EDF, CBF, Fit2D mask). DIALS' ``pixels.mask`` is a pickle,
            a program: it is refused.

    Raises:
        ImageUnreadable: if there is no mask to be had from it.
    """
    if path.suffix in PICKLES:
        raise ImageUnreadable(f"mask file {path} is a pickle, and may be any program: save its array by numpy.save")
    try:
        values = np.squeeze(_values(path))
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        raise ImageUnreadable(f"mask file {path}: {error}") from error
    if values.ndim != 2 or values.dtype.kind not in "biuf":  # noqa: PLR2004 - slow, fast
        raise ImageUnreadable(f"mask file {path} holds {values.shape} {values.dtype}, no image")
    return values if values.dtype == np.bool_ else values == 0


def _values(path: Path) -> NDArray[np.generic]:
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if path.suffix in HDF5:
        with h5py.File(path, "r", locking=False) as file:
            return np.asarray(_pixel_mask(file)[()])
    with fabio.open(str(path)) as image:
        return np.asarray(image.data)


def _pixel_mask(file: h5py.File) -> h5py.Dataset:
    for name in PIXEL_MASKS:
        if name in file:
            return file[name]
    images: list[h5py.Dataset] = []
    file.visititems(lambda _, item: images.append(item) if getattr(item, "ndim", 0) == 2 else None)  # noqa: PLR2004
    if len(images) != 1:
        raise ValueError(f"no pixel_mask, and {len(images)} images that could be one")
    return images[0]

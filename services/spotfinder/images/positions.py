"""Where the sample was at each image, as an NXmx master says it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.files import OpenFiles
from services.spotfinder.images.nxmx import MILLIMETRES

SAMPLE: Final = "/entry/sample"
MOST_AXES: Final = 20  # so those that depend on each other in a circle come to an end


def read_positions(master: Path) -> NDArray[np.float64] | None:
    """Translation of the sample at each image, in the frame of its axes (x along the horizontal) [mm].

    Returns:
        Shape (n_images, 3); None if the file does not say so as NXmx has it, or if the sample turns as well.

    Raises:
        ImageNotReady, ImageUnreadable: if the file cannot be opened.
    """
    if not h5py.is_hdf5(master):
        return None
    files = OpenFiles(limit=1)
    try:
        return _positions_mm(list(_axes(files.get(master)[SAMPLE])))
    except (KeyError, OSError, ValueError):  # an axis may be behind a link to a file that is not there
        return None
    finally:
        files.close()


def _positions_mm(axes: list[h5py.Dataset]) -> NDArray[np.float64] | None:
    moving = [axis for axis in axes if axis.size > 1 and np.ptp(axis[()]) > 0]
    if not moving or any(_text(axis.attrs["transformation_type"]) != "translation" for axis in moving):
        return None
    return np.asarray(np.sum([_translation_mm(axis) for axis in moving], axis=0))


def _axes(sample: h5py.Group) -> Iterator[h5py.Dataset]:
    """The axes of the goniometer, from the sample to its base.

    Raises:
        ValueError: if they have no end.
    """
    group, name = sample, _text(sample["depends_on"][()])
    for _ in range(MOST_AXES):
        if name == ".":
            return
        axis = group[name]
        yield axis
        group, name = axis.parent, _text(axis.attrs.get("depends_on", "."))
    raise ValueError(f"more than {MOST_AXES} axes depend on each other")


def _translation_mm(axis: h5py.Dataset) -> NDArray[np.float64]:
    """Shape (n_images, 3)."""
    return np.outer(axis[()], axis.attrs["vector"]) * MILLIMETRES[_text(axis.attrs["units"])]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

"""Compressed images: one chunk each, made once and copied byte for byte into any number of data collections."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import DTypeLike, NDArray

BITSHUFFLE: int = hdf5plugin.Bitshuffle.filter_id
"""HDF5's registered number of the bitshuffle filter; importing hdf5plugin registers it."""

BITSHUFFLE_OWN_OPTIONS = 3
"""Options that the filter puts before the given ones when a dataset is created: its version and the pixel's size."""


class Filter(NamedTuple):
    """One step of HDF5's filter pipeline: registered number, flags, and the options given to it."""

    number: int
    flags: int
    options: tuple[int, ...]


LZ4 = 2
"""Bitshuffle's option for compression by LZ4. Source: bitshuffle, README, HDF5 filter."""

BITSHUFFLE_LZ4 = Filter(BITSHUFFLE, h5py.h5z.FLAG_MANDATORY, (0, LZ4))
"""As EIGER detectors compress: blocks of the default size."""


class ImageFormat(NamedTuple):
    """How images are stored: one chunk each.

    Attributes:
        shape: slow, fast.
        dtype: of a pixel.
        filters: the compression.
    """

    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    filters: tuple[Filter, ...]


def eiger_format(shape: tuple[int, int], dtype: DTypeLike = np.uint16) -> ImageFormat:
    """Images of unsigned integers, bitshuffle-LZ4."""
    return ImageFormat(shape, np.dtype(dtype), (BITSHUFFLE_LZ4,))


def image_format(images: h5py.Dataset) -> ImageFormat:
    """How the images of a dataset, shape (n, slow, fast), are stored.

    Raises:
        ValueError: not one chunk for each image.
    """
    shape = images.shape[1:]
    if images.chunks != (1, *shape):
        raise ValueError(f"{images.file.filename}: chunks of {images.chunks}, not one for each image of {shape}")
    properties = images.id.get_create_plist()
    filters = (Filter(*properties.get_filter(n)[:3]) for n in range(properties.get_nfilters()))
    return ImageFormat(shape, images.dtype, tuple(given_options(step) for step in filters))


def given_options(stored: Filter) -> Filter:
    """A filter as it was given at creation: bitshuffle would put its own options before those already there."""
    if stored.number != BITSHUFFLE:
        return stored
    return stored._replace(options=stored.options[BITSHUFFLE_OWN_OPTIONS:])


def create_images(file: h5py.File, name: str, n_images: int, stored: ImageFormat) -> h5py.Dataset:
    """An empty dataset for images in a given format."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, *stored.shape))
    for step in stored.filters:
        properties.set_filter(*step)
    space = h5py.h5s.create_simple((n_images, *stored.shape))
    kind = h5py.h5t.py_create(stored.dtype, logical=True)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, properties))


class Compressor:
    """Compresses images through HDF5's own filter, in a file that never leaves memory."""

    def __init__(self, stored: ImageFormat) -> None:
        file = h5py.File("compressor", "w", driver="core", backing_store=False)
        self._scratch = create_images(file, "data", 1, stored)

    def compress(self, image: NDArray[np.unsignedinteger]) -> bytes:
        """The chunk that holds an image."""
        self._scratch[0] = image
        return read_chunk(self._scratch, 0)


def read_chunk(images: h5py.Dataset, image: int) -> bytes:
    """The compressed bytes of one image."""
    return bytes(images.id.read_direct_chunk((image, 0, 0))[1])


def write_chunk(images: h5py.Dataset, image: int, chunk: bytes) -> None:
    """Stores the compressed bytes of one image, past the filters."""
    images.id.write_direct_chunk((image, 0, 0), chunk)


def stored_format(path: Path) -> ImageFormat:
    """How the images in `/data` of a file are stored."""
    with h5py.File(path, "r") as file:
        return image_format(file["data"])


def stored_chunks(path: Path) -> Iterator[bytes]:
    """The compressed images in `/data` of a file, one after another."""
    with h5py.File(path, "r") as file:
        for image in range(len(file["data"])):
            yield read_chunk(file["data"], image)

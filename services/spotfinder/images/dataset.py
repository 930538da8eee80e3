"""A dataset of images: what is the same for all of them is asked of HDF5 once."""

import itertools
import math
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.hyperslab import Hyperslab
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable, is_final
from services.spotfinder.pixels import Chunk, Pixels, Stored

BITSHUFFLE: Final = 32008  # as registered with the HDF Group
LZ4: Final = 2
TYPES: Final = (np.uint8, np.uint16, np.uint32, np.int32)


class Source(NamedTuple):
    """Where a virtual dataset has some of its images from."""

    shown: Hyperslab
    stored: Hyperslab
    file: str
    name: str


class Buffers:
    """Memory for one image of a collection, used again for the next one.

    Attributes:
        pixels: of the image, ``[slow, fast]``.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.pixels: Pixels = np.empty(shape, dtype)
        self._encoded = np.empty(0, np.uint8)

    def encoded(self, size: int) -> NDArray[np.uint8]:
        """Room for a chunk of so many bytes."""
        if self._encoded.size < size:
            self._encoded = np.empty(size + size // 4, np.uint8)
        return self._encoded


class Dataset:
    """A dataset of an open file.

    Attributes:
        path: the file.
        handle: the dataset.
    """

    def __init__(self, path: Path, handle: h5py.Dataset) -> None:
        self.path = path
        self.handle = handle
        self._last_source: tuple[Source, ...] = ()  # the next image is likely to be there, too

    @cached_property
    def length(self) -> int:
        """Number of images when the file was opened."""
        return int(self.handle.shape[0])

    @cached_property
    def image_shape(self) -> tuple[int, int]:
        """Shape of an image, slow and fast [px].

        Raises:
            ImageUnreadable: if these are no images of counts.
        """
        shape, dtype = self.handle.shape, self.handle.dtype
        if len(shape) != 3 or dtype not in TYPES:  # noqa: PLR2004 - image, slow, fast
            raise ImageUnreadable(f"{self.path}: {self.handle.name} is {shape} {dtype}, no counting images")
        return shape[1], shape[2]

    @cached_property
    def highest(self) -> float:
        """Number of images that it can ever have."""
        limit = self.handle.maxshape[0]
        return math.inf if limit is None else limit

    @cached_property
    def is_virtual(self) -> bool:
        """Whether its images are stored elsewhere."""
        return bool(self.handle.is_virtual)

    def source(self, index: int) -> tuple[Source, int]:
        """Where a virtual dataset has an image from, and its index there.

        Raises:
            ImageUnreadable: if from nowhere, or if it shows parts of images.
        """
        for source in itertools.chain(self._last_source, self._sources):
            rank = source.shown.rank(index)
            if rank is not None:
                self._last_source = (source,)
                return source, source.stored.image(rank)
        raise ImageUnreadable(f"{self.path}: no source for image {index}")

    def read(self, index: int, buffers: Buffers) -> Stored:
        """An image that is stored here, valid until the buffers are used again.

        Raises:
            ImageNotReady, ImageUnreadable: if that is not possible.
        """
        if self.image_shape != buffers.pixels.shape:
            raise ImageUnreadable(f"{self.path}: images of {self.image_shape} pixels, expected {buffers.pixels.shape}")
        if index >= self.length:
            raise self._beyond(index)
        if self._is_chunk_an_image and self._dtype == buffers.pixels.dtype:
            return self._read_chunk(index, buffers)
        if not self._is_written(index):
            raise self._unwritten(index)
        self.handle.read_direct(buffers.pixels, np.s_[index])
        return buffers.pixels

    def _read_chunk(self, index: int, buffers: Buffers) -> Stored:
        chunk = self._id.get_chunk_info_by_coord((index, 0, 0))
        if not chunk.size:
            raise self._unwritten(index)
        if not self._is_bitshuffle_lz4 or chunk.filter_mask:
            self.handle.read_direct(buffers.pixels, np.s_[index])
            return buffers.pixels
        _, encoded = self._id.read_direct_chunk((index, 0, 0), out=buffers.encoded(chunk.size))
        return Chunk(encoded, self.image_shape, self._dtype)

    def whole(self) -> Chunk | None:
        """The one image that is all there is, if it is stored in one bitshuffle-LZ4 chunk."""
        shape = tuple(n for n in self.handle.shape if n > 1)
        if self.handle.chunks != self.handle.shape or len(shape) != 2 or not self._is_bitshuffle_lz4:  # noqa: PLR2004 - slow and fast
            return None
        filter_mask, encoded = self._id.read_direct_chunk((0,) * self.handle.ndim)
        return None if filter_mask else Chunk(encoded, shape, self._dtype)

    @cached_property
    def _id(self) -> h5py.h5d.DatasetID:
        return self.handle.id

    @cached_property
    def _dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.handle.dtype
        return dtype

    @cached_property
    def _is_chunk_an_image(self) -> bool:
        return bool(self.handle.chunks == (1, *self.image_shape))

    @cached_property
    def _is_bitshuffle_lz4(self) -> bool:
        properties = self._id.get_create_plist()
        if properties.get_nfilters() != 1:
            return False
        code, _, options, _ = properties.get_filter(0)
        return bool(code == BITSHUFFLE and options[4:5] == (LZ4,))

    @cached_property
    def _sources(self) -> list[Source]:
        return [
            Source(self._hyperslab(s.vspace), self._hyperslab(s.src_space), s.file_name, s.dset_name)
            for s in self.handle.virtual_sources()
        ]

    def _is_written(self, index: int) -> bool:
        """Whether all of an image has been written; of what has not, HDF5 makes zeros."""
        if self.handle.chunks is None:
            return bool(self._id.get_storage_size())
        _, *steps = self.handle.chunks
        corners = itertools.product(*(range(0, n, step) for n, step in zip(self.image_shape, steps, strict=True)))
        return all(self._id.get_chunk_info_by_coord((index, *corner)).size for corner in corners)

    def _unwritten(self, index: int) -> ImageNotReady | ImageUnreadable:
        reason = f"{self.path}: image {index} has not been written"
        return ImageUnreadable(reason) if is_final(self.path) else ImageNotReady(reason)

    def _beyond(self, index: int) -> ImageNotReady | ImageUnreadable:
        """What an image beyond the last one is: still to come, or nothing."""
        reason = f"{self.path} has {self.length} images; there is no image {index}"
        never = index >= self.highest or is_final(self.path)
        return ImageUnreadable(reason) if never else ImageNotReady(reason)

    def _hyperslab(self, space: h5py.h5s.SpaceID) -> Hyperslab:
        """The images that a selection covers."""
        if space.get_select_type() == h5py.h5s.SEL_ALL:
            return Hyperslab(0, 1, None, 1)
        start, stride, count, block = space.get_regular_hyperslab()
        shape = tuple(c * b for c, b in zip(count[1:], block[1:], strict=True))
        if shape != self.image_shape or any(start[1:]):
            raise ImageUnreadable(f"{self.path}: {self.handle.name} shows parts of images: not supported")
        runs = None if count[0] == h5py.h5s.UNLIMITED else count[0]
        return Hyperslab(start[0], max(stride[0], block[0]), runs, block[0])  # of a single run, HDF5 gives any stride

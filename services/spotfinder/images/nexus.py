"""The images of an NXmx collection, wherever its master file says they are."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images.files import OpenFiles, Stamp, beside, explained, is_final
from services.spotfinder.images.hyperslab import Hyperslab
from services.spotfinder.images.nxmx import read_detector, read_mask
from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable
from services.spotfinder.pixels import Chunk, Image, Stored

DATA: Final = "/entry/data/data"
BITSHUFFLE: Final = 32008  # as registered with the HDF Group
LZ4: Final = 2
TYPES: Final = (np.uint8, np.uint16, np.uint32, np.int32)


class VirtualSource(NamedTuple):
    """Where a virtual dataset has some of its images from."""

    shown: Hyperslab
    stored: Hyperslab
    path: Path
    name: str


class NexusImages:
    """Images in a dataset, in a virtual dataset, or behind the links data_000001, data_000002, ..."""

    def __init__(self, master: Path, files: OpenFiles) -> None:
        """Read what is the same for all images.

        Raises:
            ImageNotReady, ImageUnreadable: if that is not possible.
        """
        self._master = master
        self._stamp = Stamp.of(master)
        self._files = files
        self._lengths: list[int] = []  # images behind those links that others follow
        self._sources: dict[tuple[str, str], list[VirtualSource]] = {}
        self._is_one_dataset = self._has(DATA)
        first = self._files.dataset(master, DATA if self._is_one_dataset else _link(1))
        self._has_own_data = _path(first) == master and not first.is_virtual
        self._buffer = _frame(first)
        with explained(master):
            self.detector = read_detector(files.get(master), first.dtype)
            self.mask = read_mask(files.get(master), self._buffer.shape)

    @contextmanager
    def stored(self, image: int) -> Iterator[Stored]:
        """See ``ImageSource``."""
        try:
            dataset, index = self._locate(image)
            with explained(_path(dataset)):
                yield self._read(dataset, index)
        except ImageNotReady:
            self._files.close()  # the next attempt shall see the files as they are then
            raise

    def count(self) -> int:
        """Number of images, as far as it is known now.

        Raises:
            ImageNotReady, ImageUnreadable: if nothing is known yet, or never will be.
        """
        if self._is_one_dataset:
            return len(self._files.dataset(self._master, DATA))
        n, number = 0, 1
        while self._has(_link(number)):
            try:
                n += len(self._files.dataset(self._master, _link(number)))
            except ImageNotReady:
                break
            number += 1
        return n

    def is_current(self) -> bool:
        """Whether the master is as it was when it was read, or has only got more images."""
        now = Stamp.of(self._master)
        has_grown = self._has_own_data and now[:2] == self._stamp[:2] and now.size >= self._stamp.size
        return has_grown or now == self._stamp

    def _has(self, name: str) -> bool:
        file = self._files.get(self._master)
        with explained(self._master):
            return file.get(name, getlink=True) is not None

    def _locate(self, image: int) -> tuple[h5py.Dataset, int]:
        """The dataset that holds an image, and its index there."""
        if self._is_one_dataset:
            return self._follow(self._master, DATA, image)
        index = image
        for number, length in enumerate(self._lengths, 1):
            if index < length:
                return self._files.dataset(self._master, _link(number)), index
            index -= length
        return self._follow_links(index)

    def _follow_links(self, index: int) -> tuple[h5py.Dataset, int]:
        """Like ``_locate``, from the first link on whose length is not known for good."""
        number = len(self._lengths) + 1
        dataset = self._files.dataset(self._master, _link(number))
        if index < len(dataset) or not self._has(_link(number + 1)):
            return dataset, index
        self._files.dataset(self._master, _link(number + 1))  # once it is there, the one before is complete
        self._lengths.append(len(dataset))
        return self._follow_links(index - len(dataset))

    def _follow(self, path: Path, name: str, index: int) -> tuple[h5py.Dataset, int]:
        """Through virtual datasets to one that stores the image."""
        dataset = self._files.dataset(path, name)
        if not dataset.is_virtual or index >= len(dataset):
            return dataset, index
        key = dataset.file.filename, dataset.name
        if key not in self._sources:
            self._sources[key] = _virtual_sources(dataset)
        for source in self._sources[key]:
            rank = source.shown.rank(index)
            if rank is not None:
                return self._follow(source.path, source.name, source.stored.image(rank))
        raise ImageUnreadable(f"{_path(dataset)}: no source for image {index}")

    def _read(self, dataset: h5py.Dataset, index: int) -> Stored:
        """Read one image of the dataset that stores it."""
        if dataset.shape[1:] != self._buffer.shape:
            raise ImageUnreadable(
                f"{_path(dataset)}: images of {dataset.shape[1:]} pixels, expected {self._buffer.shape}"
            )
        if index >= len(dataset):
            raise _beyond(dataset, index)
        if not _is_written(dataset, index):
            fault = ImageUnreadable if is_final(_path(dataset)) else ImageNotReady
            raise fault(f"{_path(dataset)}: image {index} has not been written")
        if chunk := self._chunk(dataset, index):
            return chunk
        dataset.read_direct(self._buffer, np.s_[index])
        return self._buffer

    def _chunk(self, dataset: h5py.Dataset, index: int) -> Chunk | None:
        """One image as it is stored, if it is stored as EIGER detectors do."""
        if dataset.chunks != (1, *self._buffer.shape) or dataset.dtype != self._buffer.dtype:
            return None
        if not _is_bitshuffle_lz4(dataset.id.get_create_plist()):
            return None
        filter_mask, encoded = dataset.id.read_direct_chunk((index, 0, 0))
        return None if filter_mask else Chunk(encoded, self._buffer.shape, self._buffer.dtype)


def _link(number: int) -> str:
    return f"/entry/data/data_{number:06d}"


def _path(dataset: h5py.Dataset) -> Path:
    return Path(dataset.file.filename)


def _frame(dataset: h5py.Dataset) -> Image | NDArray[np.int32]:
    """A buffer for one of its images."""
    if dataset.ndim != 3 or dataset.dtype not in TYPES:  # noqa: PLR2004 - image, slow, fast
        raise ImageUnreadable(
            f"{_path(dataset)}: {dataset.name} is {dataset.shape} {dataset.dtype}, no counting images"
        )
    buffer: Image | NDArray[np.int32] = np.empty(dataset.shape[1:], dataset.dtype)
    return buffer


def _is_bitshuffle_lz4(properties: h5py.h5p.PropDCID) -> bool:
    if properties.get_nfilters() != 1:
        return False
    code, _, options, _ = properties.get_filter(0)
    return bool(code == BITSHUFFLE and options[4:5] == (LZ4,))


def _beyond(dataset: h5py.Dataset, index: int) -> ImageNotReady | ImageUnreadable:
    """What an image beyond the last one is: still to come, or nothing."""
    reason = f"{_path(dataset)} has {len(dataset)} images; there is no image {index}"
    highest = dataset.maxshape[0]
    never = (highest is not None and index >= highest) or is_final(_path(dataset))
    return ImageUnreadable(reason) if never else ImageNotReady(reason)


def _is_written(dataset: h5py.Dataset, index: int) -> bool:
    """Whether all of an image has been written; of what has not, HDF5 makes zeros."""
    if dataset.chunks is None:
        return bool(dataset.id.get_storage_size())
    _, *steps = dataset.chunks
    corners = itertools.product(*(range(0, n, step) for n, step in zip(dataset.shape[1:], steps, strict=True)))
    return all(dataset.id.get_chunk_info_by_coord((index, *corner)).size for corner in corners)


def _virtual_sources(dataset: h5py.Dataset) -> list[VirtualSource]:
    """The sources of a virtual dataset that shows whole images of them."""
    folder = _path(dataset)
    return [
        VirtualSource(
            shown=_hyperslab(source.vspace, dataset),
            stored=_hyperslab(source.src_space, dataset),
            path=folder if source.file_name == "." else beside(folder, source.file_name),
            name=source.dset_name,
        )
        for source in dataset.virtual_sources()
    ]


def _hyperslab(space: h5py.h5s.SpaceID, dataset: h5py.Dataset) -> Hyperslab:
    """The images that a selection covers."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return Hyperslab(0, 1, None, 1)
    start, stride, count, block = space.get_regular_hyperslab()
    frame = tuple(c * b for c, b in zip(count[1:], block[1:], strict=True))
    if frame != dataset.shape[1:] or any(start[1:]):
        raise ImageUnreadable(f"{_path(dataset)}: {dataset.name} shows parts of images: not supported")
    runs = None if count[0] == h5py.h5s.UNLIMITED else count[0]
    return Hyperslab(start[0], max(stride[0], block[0]), runs, block[0])  # of a single run, HDF5 gives any stride

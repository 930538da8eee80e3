"""The images of an NXmx or DECTRIS collection, wherever its master file says they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.spotfinder.images.dataset import Buffers, Dataset
from services.spotfinder.images.files import OpenFiles, Stamp, beside
from services.spotfinder.images.nxmx import Master
from services.spotfinder.images.readiness import ImageNotReady, explained
from services.spotfinder.pixels import Stored

DATA: Final = "/entry/data/data"


class NexusImages:
    """Images in a dataset, in a virtual dataset, or behind the links data_000001, data_000002, ..."""

    def __init__(self, path: Path, files: OpenFiles) -> None:
        """Read what is the same for all images.

        Raises:
            ImageNotReady, ImageUnreadable: if that is not possible.
        """
        self._master = path
        self._stamp = Stamp.of(path)
        self._files = files
        self._lengths: list[int] = []  # images behind those links that others follow
        self._is_one_dataset = self._has(DATA)
        first = self._files.dataset(path, DATA if self._is_one_dataset else _link(1))
        self._has_own_data = first.path == path and not first.is_virtual
        self._buffers = Buffers(first.image_shape, first.handle.dtype)
        master = Master(path, files)
        self.detector = master.read_detector(first.handle.dtype)
        self.mask = master.read_mask(first.image_shape)

    @contextmanager
    def stored(self, image: int) -> Iterator[Stored]:
        """See ``ImageSource``."""
        try:
            dataset, index = self._locate(image)
            with explained(dataset.path):
                yield dataset.read(index, self._buffers)
        except ImageNotReady:
            self._files.close()  # the next attempt shall see the files as they are then
            raise

    def count(self) -> int:
        """Number of images, as far as it is known now.

        Raises:
            ImageNotReady, ImageUnreadable: if nothing is known yet, or never will be.
        """
        if self._is_one_dataset:
            self._files.close()  # a virtual dataset grows with its sources; HDF5 looks when it opens it
            return self._files.dataset(self._master, DATA).length
        n, number = 0, 1
        while self._has(_link(number)):
            try:
                n += self._files.dataset(self._master, _link(number)).length
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

    def _locate(self, image: int) -> tuple[Dataset, int]:
        """The dataset that holds an image, and its index there."""
        if self._is_one_dataset:
            return self._follow(self._files.dataset(self._master, DATA), image)
        index = image
        for number, length in enumerate(self._lengths, 1):
            if index < length:
                return self._follow(self._files.dataset(self._master, _link(number)), index)
            index -= length
        return self._follow_links(index)

    def _follow_links(self, index: int) -> tuple[Dataset, int]:
        """Like ``_locate``, from the first link on whose length is not known for good."""
        number = len(self._lengths) + 1
        dataset = self._files.dataset(self._master, _link(number))
        if index < dataset.length or not self._has(_link(number + 1)):
            return self._follow(dataset, index)
        self._files.dataset(self._master, _link(number + 1))  # once it is there, the one before is complete
        self._lengths.append(dataset.length)
        return self._follow_links(index - dataset.length)

    def _follow(self, dataset: Dataset, index: int) -> tuple[Dataset, int]:
        """Through virtual datasets to one that stores the image."""
        if not dataset.is_virtual or index >= dataset.highest:
            return dataset, index
        with explained(dataset.path):
            source, within = dataset.source(index)
        path = dataset.path if source.file == "." else beside(dataset.path, source.file)
        return self._follow(self._files.dataset(path, source.name), within)


def _link(number: int) -> str:
    return f"/entry/data/data_{number:06d}"

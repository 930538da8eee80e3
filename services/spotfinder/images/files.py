"""HDF5 files that may be growing, or be replaced: opened without locks, kept open while they stay as they are."""

import os
import weakref
from collections import OrderedDict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - brings HDF5 the filters of the detectors

from services.spotfinder.images.dataset import Dataset
from services.spotfinder.images.readiness import ImageNotReady, explained


class Stamp(NamedTuple):
    """What changes when a file is replaced (device, inode) or written to (size [bytes], time [ns])."""

    device: int
    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """The stamp of a file as it is now.

        Raises:
            ImageNotReady: if there is no such file.
        """
        try:
            stat = os.stat(path)  # noqa: PTH116 - asked several times for each image
        except FileNotFoundError as error:
            raise ImageNotReady(f"{path} does not exist") from error
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Link(NamedTuple):
    """Where a link leads: a file as it is named there (empty: the linking file itself), and an object in it."""

    file: str
    name: str


class OpenFile(NamedTuple):
    """A file, open for reading, and what the names in it stand for, as far as somebody has asked."""

    stamp: Stamp
    handle: h5py.File
    known: dict[str, Dataset | Link]


class OpenFiles:
    """The files opened last. One that has changed is opened anew: nothing HDF5 remembers of it can be trusted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[tuple[int, int], OpenFile] = OrderedDict()
        weakref.finalize(self, _close, self._open)  # HDF5 crashes on datasets that outlive it at the end of a process

    def get(self, path: Path) -> h5py.File:
        """The file, open for reading; closed again after ``limit`` others have been asked for.

        Raises:
            ImageNotReady, ImageUnreadable: if it cannot be opened.
        """
        return self._get(path).handle

    def dataset(self, path: Path, name: str) -> Dataset:
        """A dataset by name; links are followed here, since HDF5 would lock the files they lead to.

        Raises:
            ImageNotReady, ImageUnreadable: if it cannot be opened.
        """
        file = self._get(path)
        found = file.known.get(name)
        if found is None:
            with explained(path):
                found = file.known[name] = _look_up(file.handle, path, name)
        if isinstance(found, Dataset):
            return found
        return self.dataset(beside(path, found.file) if found.file else path, found.name)

    def close(self) -> None:
        """Close all files."""
        _close(self._open)

    def _get(self, path: Path) -> OpenFile:
        stamp = Stamp.of(path)
        file = self._open.pop(stamp[:2], None)
        if file is None or file.stamp != stamp:
            if file:
                file.handle.close()
            with explained(path):
                file = OpenFile(stamp, h5py.File(path, "r", swmr=True, locking=False), {})
        self._open[stamp[:2]] = file
        if len(self._open) > self._limit:
            self._open.popitem(last=False)[1].handle.close()
        return file


def _close(files: OrderedDict[tuple[int, int], OpenFile]) -> None:
    while files:
        files.popitem()[1].handle.close()


def _look_up(file: h5py.File, path: Path, name: str) -> Dataset | Link:
    link = file.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return Link(link.filename, link.path)
    if isinstance(link, h5py.SoftLink):
        return Link("", str(PurePosixPath(name).parent / link.path))
    return Dataset(path, file[name])


def beside(path: Path, name: str) -> Path:
    """The file of a link: as named, seen from the linking file's folder, or (collections move) in that folder."""
    named = path.parent / name
    return named if named.exists() else path.parent / Path(name).name

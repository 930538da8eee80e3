"""HDF5 files that may be growing, or be replaced: opened without locks, kept open while they stay as they are."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - brings HDF5 the filters of the detectors

from services.spotfinder.images.readiness import ImageNotReady, ImageUnreadable, has_settled

SUPERBLOCK_VERSION, SUPERBLOCK_FLAGS, SUPERBLOCK_BYTES = 8, 11, 12  # offsets in the file [bytes]
OPEN_FOR_WRITING = 0b101  # by an ordinary writer, by one that lets others read (SWMR)
TRANSIENT: Final = (  # what HDF5 says of a file in the middle of a change
    "address of object past end of allocation",
    "truncated file: eof",
    "file is not already open for SWMR writing",
    "bad object header version number",
)


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
            stat = path.stat()
        except FileNotFoundError as error:
            raise ImageNotReady(f"{path} does not exist") from error
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class OpenFiles:
    """The files opened last. One that has changed is opened anew: nothing HDF5 remembers of it can be trusted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[tuple[int, int], tuple[Stamp, h5py.File]] = OrderedDict()

    def get(self, path: Path) -> h5py.File:
        """The file, open for reading; closed again after ``limit`` others have been asked for.

        Raises:
            ImageNotReady, ImageUnreadable: if it cannot be opened.
        """
        stamp = Stamp.of(path)
        known, file = self._open.pop(stamp[:2], (None, None))
        if known != stamp:
            if file:
                file.close()
            with explained(path):
                file = h5py.File(path, "r", swmr=True, locking=False)
        self._open[stamp[:2]] = stamp, file
        if len(self._open) > self._limit:
            self._open.popitem(last=False)[1][1].close()
        return file

    def dataset(self, path: Path, name: str) -> h5py.Dataset:
        """A dataset by name; links are followed here, since HDF5 would lock the files they lead to.

        Raises:
            ImageNotReady, ImageUnreadable: if it cannot be opened.
        """
        file = self.get(path)
        with explained(path):
            link = file.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return self.dataset(beside(path, link.filename), link.path)
            if isinstance(link, h5py.SoftLink):
                return self.dataset(path, str(PurePosixPath(name).parent / link.path))
            return file[name]

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1][1].close()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Tell a file in the middle of a change from a broken one.

    Raises:
        ImageNotReady: for an error of HDF5 that may pass.
        ImageUnreadable: for one that stays.
    """
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        reason = f"{path}: {error}"
        if any(phrase in str(error) for phrase in TRANSIENT) or not has_settled(path) or is_being_written(path):
            raise ImageNotReady(reason) from error
        raise ImageUnreadable(reason) from error


def is_being_written(path: Path) -> bool | None:
    """Whether a writer has the file open; None: the file does not tell (older HDF5 formats)."""
    with path.open("rb") as file:
        superblock = file.read(SUPERBLOCK_BYTES)
    if not any(superblock):
        return True  # data have been written, and the superblock is still in the writer's memory
    if len(superblock) < SUPERBLOCK_BYTES or superblock[SUPERBLOCK_VERSION] < 3:  # noqa: PLR2004 - first with flags
        return None
    return bool(superblock[SUPERBLOCK_FLAGS] & OPEN_FOR_WRITING)


def is_final(path: Path) -> bool:
    """Whether the file is known to be closed: what is not in it will not come."""
    return has_settled(path) and is_being_written(path) is False


def beside(path: Path, name: str) -> Path:
    """The file of a link: as named, seen from the linking file's folder, or (collections move) in that folder."""
    named = path.parent / name
    return named if named.exists() else path.parent / Path(name).name

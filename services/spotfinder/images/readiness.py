"""An image that cannot be read: not there yet, or never to be read."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SETTLING_S = 10.0  # a file changed more recently may still be in its writer's hands
SUPERBLOCK_VERSION, SUPERBLOCK_FLAGS, SUPERBLOCK_BYTES = 8, 11, 12  # offsets in an HDF5 file [bytes]
OPEN_FOR_WRITING = 0b101  # by an ordinary writer, by one that lets others read (SWMR)
TRANSIENT: Final = (  # what HDF5 says of a file in the middle of a change
    "address of object past end of allocation",
    "truncated file: eof",
    "file is not already open for SWMR writing",
    "bad object header version number",
)


class ImageNotReady(Exception):  # noqa: N818 - a state to wait out, not an error
    """The image is not there yet: ask again."""


class ImageUnreadable(Exception):  # noqa: N818 - named for what the image is
    """The image cannot be read, now or later; the message says why."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Tell an HDF5 file in the middle of a change from a broken one.

    Raises:
        ImageNotReady: for an error of HDF5 that may pass.
        ImageUnreadable: for one that stays.
    """
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        reason = f"{path}: {error}"
        if any(phrase in str(error) for phrase in TRANSIENT) or not is_left_alone(path):
            raise ImageNotReady(reason) from error
        raise ImageUnreadable(reason) from error


def has_settled(path: Path) -> bool:
    """Whether nobody has changed the file for a while."""
    try:
        return time.time() - path.stat().st_mtime > SETTLING_S
    except FileNotFoundError:
        return False


def is_left_alone(path: Path) -> bool:
    """Whether no writer of an HDF5 file is known or likely."""
    return has_settled(path) and not is_being_written(path)


def is_final(path: Path) -> bool:
    """Whether an HDF5 file is known to be closed: what is not in it will not come."""
    return has_settled(path) and is_being_written(path) is False


def is_being_written(path: Path) -> bool | None:
    """Whether a writer has the HDF5 file open; None: the file does not tell (older HDF5 formats)."""
    with path.open("rb") as file:
        superblock = file.read(SUPERBLOCK_BYTES)
    if not any(superblock):
        return True  # the superblock is still in the writer's memory
    if len(superblock) < SUPERBLOCK_BYTES or superblock[SUPERBLOCK_VERSION] < 3:  # noqa: PLR2004 - first with flags
        return None
    return bool(superblock[SUPERBLOCK_FLAGS] & OPEN_FOR_WRITING)

"""Volumes of a cluster, which are folders of this machine: lost and restored."""

import os
import shutil
from pathlib import Path


def copied(volume: Path, place: Path) -> Path:
    """A copy of all that is on a volume."""
    restore(place, volume)
    return place


def lose(volume: Path) -> None:
    """Everything that is on it."""
    for each in volume.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def restore(volume: Path, copy: Path) -> None:
    """What was on it when it was copied, with owners."""
    shutil.copytree(copy, volume, copy_function=_copy_with_owner, dirs_exist_ok=True)
    for folder in (each for each in copy.rglob("*") if each.is_dir()):
        _own(folder, volume / folder.relative_to(copy))


def replace(database: Path, copy: Path) -> None:
    """All that there is of a database by its copy."""
    for each in database.parent.glob(f"{database.name}*"):
        each.unlink()
    copy.rename(database)


def _copy_with_owner(source: str, destination: str) -> None:
    shutil.copy2(source, destination)
    _own(Path(source), Path(destination))


def _own(source: Path, destination: Path) -> None:
    owner = source.stat()
    os.chown(destination, owner.st_uid, owner.st_gid)

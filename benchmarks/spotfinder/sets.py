"""The image sets that the spot finder is measured on: simulated once and kept in a cache, or recorded."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.cache import cache_folder
from benchmarks.spotfinder import scenes
from benchmarks.spotfinder.compare_with_dials import SHIPPED_GRID, complete_grid
from benchmarks.spotfinder.recorded import recorded_eiger
from services.spotfinder.images import OpenFiles, open_images
from services.spotfinder.pixels import Chunk
from services.spotfinder.resolution import Detector
from simulator.collection import OnMaster, write_live
from simulator.frames import OnProgress, cached_frames
from simulator.scans import Scan

Source = Callable[[Path, OnProgress], Path]
"""Makes a set in a cache folder unless it is there; returns its master file."""


class SetUnavailableError(Exception):
    """The recorded images of a set are not on this machine; the message says where they are expected."""


@dataclass(frozen=True)
class ImageSet:
    """Some images of one detector.

    Attributes:
        name: as the command line knows it.
        title: what it is.
        source: where its master file comes from.
    """

    name: str
    title: str
    source: Source

    def master(self, on_progress: OnProgress = lambda _done, _of: None) -> Path:
        """Its NXmx master file, generated if it is not in the cache.

        Raises:
            SetUnavailableError: if it is recorded, and not on this machine.
        """
        return self.source(cache_folder() / "sets", on_progress)


class Images(NamedTuple):
    """A set in memory: the chunks as the detector stored them, valid pixels, geometry."""

    chunks: list[Chunk]
    mask: NDArray[np.bool_]
    detector: Detector


def load(master: Path) -> Images:
    """All chunks of a set.

    Raises:
        TypeError: if the images are not stored as bitshuffle-LZ4.
    """
    source = open_images(master, OpenFiles(limit=4))
    chunks = []
    for image in range(source.count()):
        with source.stored(image) as stored:
            if not isinstance(stored, Chunk):
                raise TypeError(f"{master} does not store bitshuffle-LZ4")
            chunks.append(stored._replace(encoded=bytes(stored.encoded)))
    return Images(chunks, source.mask, source.detector)


def simulated(scan: Scan) -> Source:
    """A set that the simulator makes."""
    return lambda folder, on_progress: collect(scan, folder, on_progress)


def collect(scan: Scan, folder: Path, on_progress: OnProgress, on_master: OnMaster = lambda _: None) -> Path:
    """The master file of a scan whose images are generated and written once; it appears whole or not at all."""
    frames = cached_frames(scan, folder, on_progress=on_progress)
    collection = folder / frames.stem
    if not collection.exists():
        unfinished = folder / f"{frames.stem}.part-{os.getpid()}"
        unfinished.mkdir()
        try:
            write_live(scan, frames, unfinished / "images_master.h5", on_master=on_master)
            unfinished.replace(collection)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return collection / "images_master.h5"


def pilatus_grid(_folder: Path, _on_progress: OnProgress) -> Path:
    """The recorded thaumatin grid: all of it where it is at hand, else the images of the tests."""
    return complete_grid() or SHIPPED_GRID


def eiger_image(bit_depth: scenes.BitDepth) -> Source:
    """The recorded EIGER image, encoded as the detector would have."""

    def source(folder: Path, on_progress: OnProgress) -> Path:
        scan = recorded_eiger(bit_depth)
        if scan is None:
            raise SetUnavailableError("no eiger16m/*.cbf.gz below $MXMESH_DATA")
        return collect(scan, folder, on_progress, on_master=scan.store_mask)

    return source


SETS = {
    name: ImageSet(name, title, source)
    for name, title, source in (
        ("4M-u16", "EIGER 4M uint16, 0.05-0.3 counts/px", simulated(scenes.dark_grid("4M", 16))),
        ("9M-u16", "EIGER 9M uint16, 0.05-0.3 counts/px", simulated(scenes.dark_grid("9M", 8))),
        ("16M-u16", "EIGER 16M uint16, 0.05-0.3 counts/px", simulated(scenes.dark_grid("16M", 8))),
        ("16M-u32", "EIGER 16M uint32, 0.05-0.3 counts/px", simulated(scenes.dark_grid("16M", 8, bit_depth=32))),
        ("1M-full", "EIGER 1M uint16, 300 spots/Mpx", simulated(scenes.rotation("1M"))),
        ("4M-full", "EIGER 4M uint16, 300 spots/Mpx", simulated(scenes.rotation("4M"))),
        ("4M-0.5", "EIGER 4M uint16, 0.5 counts/px", simulated(scenes.level_grid(0.5))),
        ("4M-1", "EIGER 4M uint16, 1 count/px", simulated(scenes.level_grid(1.0))),
        ("4M-1.5", "EIGER 4M uint16, 1.5 counts/px", simulated(scenes.level_grid(1.5))),
        ("4M-2", "EIGER 4M uint16, 2 counts/px", simulated(scenes.level_grid(2.0))),
        ("4M-4", "EIGER 4M uint16, 4 counts/px", simulated(scenes.level_grid(4.0))),
        ("pilatus", "PILATUS 6M uint16, recorded thaumatin grid", pilatus_grid),
        ("eiger-u16", "EIGER 16M uint16, recorded, 0.003 counts/px", eiger_image(16)),
        ("eiger-u32", "EIGER 16M uint32, recorded, 0.003 counts/px", eiger_image(32)),
    )
}

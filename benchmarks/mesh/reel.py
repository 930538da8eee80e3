"""Grid scans of any length from a few dozen simulated 4M images: written live, or on disk in no time."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from benchmarks.cache import cache_folder
from simulator.chunks import ImageFormat, eiger_format, stored_chunks
from simulator.collection import OnMaster
from simulator.crystal import Crystal
from simulator.detector import Detector, Model
from simulator.frames import OnProgress, cache_path, cached_frames
from simulator.gda import Writer
from simulator.grid import GridScan
from simulator.live import OnImage, data_files, write_data_files
from simulator.nxmx import write_master
from simulator.sample import Beam, Ellipsoid, MountedCrystal
from simulator.scans import Scan

IMAGES_PER_FILE = 480
THAUMATIN = Crystal((57.8, 57.8, 150.2, 90.0, 90.0, 90.0), "P41212", d_min=1.9, mosaicity=0.12, scale=900, seed=21)


def grid_scan(steps_x: int, steps_y: int, exposure_s: float = 0.01, model: Model = "4M") -> GridScan:
    """A grid over one crystal on air scattering: 0.1 to 0.2 counts per pixel."""
    outline = Ellipsoid((steps_x / 2, steps_y / 2), (5 * steps_x, 4 * steps_y), 20)
    return GridScan(
        steps_x=steps_x,
        steps_y=steps_y,
        detector=Detector(model=model, distance_mm=180),
        beam=Beam(),
        crystals=(MountedCrystal(THAUMATIN, outline),),
        exposure_s=exposure_s,
    )


@dataclass(frozen=True)
class Reel:
    """A short grid's images, and a data file in which they follow one another again and again.

    Attributes:
        chunks: the compressed images, in collection order.
        stored: their format.
        file: HDF5 file with ``IMAGES_PER_FILE`` of them.
    """

    chunks: tuple[bytes, ...]
    stored: ImageFormat
    file: Path
    model: Model

    def scan(self, steps_x: int, steps_y: int, exposure_s: float) -> GridScan:
        """A grid scan of this reel's detector."""
        return grid_scan(steps_x, steps_y, exposure_s, self.model)

    def on_disk(self, scan: Scan) -> Writer:
        """A detector that has all images at once: hard links to the reel's file."""
        return partial(self._link, scan)

    def live(self, scan: GridScan, frame_rate: float) -> Writer:
        """A detector that writes image after image [images per second]."""
        return partial(self._write, scan, frame_rate)

    def _link(self, scan: Scan, master: Path, *, on_master: OnMaster, on_image: OnImage) -> None:
        del on_image
        for path, _ in data_files(master, scan.n_images, IMAGES_PER_FILE):
            os.link(self.file, path)
        write_master(scan, master, IMAGES_PER_FILE)
        on_master(master)

    def _write(
        self, scan: GridScan, frame_rate: float, master: Path, *, on_master: OnMaster, on_image: OnImage
    ) -> None:
        write_master(scan, master, IMAGES_PER_FILE)
        on_master(master)
        files = data_files(master, scan.n_images, IMAGES_PER_FILE)
        write_data_files(self._forever(), files, self.stored, frame_rate, on_image)

    def _forever(self) -> Iterator[bytes]:
        return cycle(self.chunks)


def load_reel(model: Model, *, workers: int, on_progress: OnProgress, cache: Path | None = None) -> Reel:
    """The reel of a detector, simulated unless it is in the cache."""
    folder, scan = cache or cache_folder(), grid_scan(8, 6, model=model)
    frames = cached_frames(scan, folder / "frames", workers=workers, on_progress=on_progress)
    chunks, stored = tuple(stored_chunks(frames)), eiger_format(scan.detector.shape)
    file = cache_path(scan, folder / "reels")
    if not file.exists():
        _appear(file, lambda path: _fill(path, chunks, stored))
    return Reel(chunks, stored, file, model)


def _fill(path: Path, chunks: tuple[bytes, ...], stored: ImageFormat) -> None:
    write_data_files(islice(cycle(chunks), IMAGES_PER_FILE), [(path, IMAGES_PER_FILE)], stored)


def _appear(path: Path, write: Callable[[Path], None]) -> None:
    """Make a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".part-{os.getpid()}")
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

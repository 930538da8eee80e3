"""A simulated data collection on disk: its master file, then its data files, live."""

from collections.abc import Callable
from pathlib import Path

from simulator.chunks import stored_chunks, stored_format
from simulator.live import OnImage, data_files, write_data_files
from simulator.nxmx import write_master
from simulator.scans import Scan

OnMaster = Callable[[Path], None]
"""Told the master file's path before the first image: the moment to announce the collection."""


def write_live(  # noqa: PLR0913 - keyword-only, each with its own meaning
    scan: Scan,
    frames: Path,
    master: Path,
    *,
    frame_rate: float | None = None,
    images_per_file: int = 1000,
    on_master: OnMaster = lambda _: None,
    on_image: OnImage = lambda _: None,
) -> None:
    """Writes a scan whose images were generated before, as a beamline does.

    Args:
        scan: gives the metadata.
        frames: file with the scan's images, from `frames.cached_frames`.
        master: path of the master file, `<prefix>_master.h5`; data files `<prefix>_000001.h5` ... go beside it.
        frame_rate: images per second; as fast as possible if None.
        images_per_file: largest number of images in a data file.
        on_master: called once the master file is there.
        on_image: called for each image once readers can see it.
    """
    files = data_files(master, scan.n_images, images_per_file)
    write_master(scan, master, images_per_file)
    on_master(master)
    write_data_files(stored_chunks(frames), files, stored_format(frames), frame_rate, on_image)

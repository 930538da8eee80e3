"""Data files written as a detector does: image by image at its frame rate, readable while they grow (SWMR)."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import h5py

from simulator.chunks import ImageFormat, create_images, write_chunk

LIBVER = ("v110", "v110")
"""HDF5 file format: the oldest that allows SWMR, so that HDF5 1.10 reads it too."""

OnImage = Callable[[int], None]
"""Told the 0-based number of each image once readers can see it."""


def data_files(master: Path, n_images: int, images_per_file: int) -> list[tuple[Path, int]]:
    """Path and number of images of each data file that belongs to a master file.

    Raises:
        ValueError: fewer than one image a file.
    """
    if images_per_file < 1:
        raise ValueError(f"a data file holds at least one image, got {images_per_file}")
    stem = master.stem.removesuffix("_master")
    return [
        (master.with_name(f"{stem}_{number:06d}.h5"), min(images_per_file, n_images - first))
        for number, first in enumerate(range(0, n_images, images_per_file), start=1)
    ]


def write_data_files(
    chunks: Iterable[bytes],
    files: list[tuple[Path, int]],
    stored: ImageFormat,
    frame_rate: float | None = None,
    on_image: OnImage = lambda _: None,
) -> None:
    """Writes compressed images into data files, each image flushed so that SWMR readers see it at once.

    Args:
        chunks: in collection order; may be generated while this writes.
        files: from `data_files`; each is created when its first image is due.
        stored: format of the chunks.
        frame_rate: images per second, kept on average; as fast as possible if None.
        on_image: called after each flush.
    """
    written = 0
    timed = keep_pace(chunks, frame_rate)
    for path, n_images in files:
        with h5py.File(path, "w", libver=LIBVER) as file:
            images = create_images(file, "data", n_images, stored)
            file.swmr_mode = True
            for image, chunk in enumerate(islice(timed, n_images)):
                write_chunk(images, image, chunk)
                images.flush()
                on_image(written)
                written += 1


def keep_pace(chunks: Iterable[bytes], frame_rate: float | None) -> Iterator[bytes]:
    """Hands out each image when its exposure would be over; late ones at once, so that the mean rate is kept."""
    if frame_rate is None:
        yield from chunks
        return
    start = time.monotonic()
    for number, chunk in enumerate(chunks, start=1):
        time.sleep(max(0.0, start + number / frame_rate - time.monotonic()))
        yield chunk

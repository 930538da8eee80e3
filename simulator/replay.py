"""A recorded NXmx data collection written once more, live: raw chunks and metadata copied."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from simulator.chunks import ImageFormat, image_format, read_chunk
from simulator.collection import OnMaster
from simulator.live import LIBVER, OnImage, data_files, write_data_files
from simulator.nxmx import SAMPLE_TRANSFORMATIONS, link_data


def replay(  # noqa: PLR0913 - keyword-only, each with its own meaning
    source: Path,
    master: Path,
    *,
    images: Sequence[int] | None = None,
    frame_rate: float | None = None,
    images_per_file: int = 1000,
    on_master: OnMaster = lambda _: None,
    on_image: OnImage = lambda _: None,
) -> None:
    """Writes a recorded collection again as a new one.

    Args:
        source: master file of the recorded collection, its data files linked as `/entry/data/data_000001` ...
        master: path of the new master file, see `collection.write_live`.
        images: which images, 0-based; all if None.
        frame_rate: images per second; as fast as possible if None.
        images_per_file: largest number of images in a data file.
        on_master: called once the master file is there.
        on_image: called for each image once readers can see it.

    Raises:
        ValueError: the source links no data files, or does not store one chunk for each image.
        IndexError: an image that the source does not have.
    """
    with h5py.File(source, "r") as recorded:
        places = image_places(recorded)
        chosen = range(len(places)) if images is None else images
        selected = [places[image] for image in chosen]
        stored = image_format(places[0][0])
        files = data_files(master, len(selected), images_per_file)
        copy_master(recorded, master, np.array(chosen, int), files, stored)
        on_master(master)
        write_data_files(_chunks(selected), files, stored, frame_rate, on_image)


def image_places(recorded: h5py.File) -> list[tuple[h5py.Dataset, int]]:
    """Dataset and index within it of each image of a recorded collection, in collection order."""
    data = recorded["/entry/data"]
    linked = [data[name] for name in sorted(data) if name.startswith("data_")]
    if not linked:
        raise ValueError(f"{recorded.filename}: no data files linked as /entry/data/data_000001 and on")
    return [(dataset, image) for dataset in linked for image in range(len(dataset))]


def copy_master(
    recorded: h5py.File, master: Path, chosen: np.ndarray, files: list[tuple[Path, int]], stored: ImageFormat
) -> None:
    """Writes a master file with the recorded metadata, links to new data files, and the chosen images' axis values."""
    unfinished = master.with_suffix(".part")
    with h5py.File(unfinished, "w", libver=LIBVER) as file:
        file.attrs.update(recorded.attrs)
        recorded.copy("/entry", file)
        for name in [name for name in file["/entry/data"] if name == "data" or name.startswith("data_")]:
            del file["/entry/data"][name]
        choose_axis_values(file, len(image_places(recorded)), chosen)
        link_data(file, files, stored.shape, stored.dtype)
    unfinished.replace(master)


def choose_axis_values(file: h5py.File, n_recorded: int, chosen: np.ndarray) -> None:
    """Keeps, of each goniometer axis with a value for each image, the values of the chosen images."""
    if SAMPLE_TRANSFORMATIONS not in file:
        return
    axes = file[SAMPLE_TRANSFORMATIONS]
    for name in [name for name, axis in axes.items() if n_recorded > 1 and axis.shape == (n_recorded,)]:
        values, attributes = axes[name][:], dict(axes[name].attrs)
        del axes[name]
        axes.create_dataset(name, data=values[chosen]).attrs.update(attributes)


def _chunks(places: Sequence[tuple[h5py.Dataset, int]]) -> Iterator[bytes]:
    for dataset, image in places:
        yield read_chunk(dataset, image)

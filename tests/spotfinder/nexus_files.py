"""Small collections in HDF5 files, as detectors write them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from services.spotfinder.images import OpenFiles, open_images

SHAPE = (30, 44)
BITSHUFFLE_LZ4 = dict(hdf5plugin.Bitshuffle(cname="lz4"))
STORAGES = {
    "bitshuffle-lz4": {"chunks": (1, *SHAPE), **BITSHUFFLE_LZ4},
    "bitshuffle-zstd": {"chunks": (1, *SHAPE), **hdf5plugin.Bitshuffle(cname="zstd")},
    "bitshuffle": {"chunks": (1, *SHAPE), **hdf5plugin.Bitshuffle(cname="none")},
    "lz4": {"chunks": (1, *SHAPE), **hdf5plugin.LZ4()},
    "blosc": {"chunks": (1, *SHAPE), **hdf5plugin.Blosc()},
    "blosc2": {"chunks": (1, *SHAPE), **hdf5plugin.Blosc2()},
    "bzip2": {"chunks": (1, *SHAPE), **hdf5plugin.BZip2()},
    "zstd": {"chunks": (1, *SHAPE), **hdf5plugin.Zstd()},
    "lzf": {"chunks": (1, *SHAPE), "compression": "lzf"},
    "gzip": {"chunks": (1, *SHAPE), "compression": "gzip"},
    "shuffle and gzip": {"chunks": (1, *SHAPE), "shuffle": True, "compression": "gzip"},
    "checksum": {"chunks": (1, *SHAPE), "fletcher32": True, **BITSHUFFLE_LZ4},
    "uncompressed": {"chunks": (1, *SHAPE)},
    "contiguous": {"chunks": None},
    "several images in a chunk": {"chunks": (3, *SHAPE), **BITSHUFFLE_LZ4},
    "tiles": {"chunks": (2, 16, 16), **BITSHUFFLE_LZ4},
}


@dataclass
class Master:
    """What a master file says; change a field to make it say something else, None to leave it out."""

    fields: dict = field(
        default_factory=lambda: {
            "detector/x_pixel_size": (75e-6, "m"),
            "detector/y_pixel_size": (75e-6, "m"),
            "detector/distance": (0.2, "m"),
            "detector/beam_center_x": (22.0, "pixel"),
            "detector/beam_center_y": (15.0, "pixel"),
            "detector/sensor_material": ("Si", None),
            "detector/sensor_thickness": (450e-6, "m"),
            "detector/pixel_mask": (np.zeros(SHAPE, np.uint32), None),
            "beam/incident_wavelength": (1.0, "angstrom"),
        }
    )

    def write(self, path, **changes):
        with h5py.File(path, "w", libver=("v110", "v110")) as file:
            instrument = group(file, "entry", "NXentry").create_group("instrument")
            instrument.attrs["NX_class"] = "NXinstrument"
            group(instrument, "detector", "NXdetector")
            group(instrument, "beam", "NXbeam")
            group(file["entry"], "data", "NXdata")
            for name, (value, units) in {**self.fields, **changes}.items():
                if value is not None:
                    instrument[name] = value
                if value is not None and units:
                    instrument[name].attrs["units"] = units
        return path


def write_dectris(path, *, names_classes=True, cutoff="detectorSpecific/countrate_correction_count_cutoff"):
    """A master as the DECTRIS FileWriter leaves it; its first versions name the class of the entry alone."""
    specific = np.zeros(SHAPE, np.uint32)
    specific[3, 4], specific[5, 6] = 1, 16
    fields = {
        "detector/x_pixel_size": (np.float32(75e-6), "m"),
        "detector/y_pixel_size": (np.float32(75e-6), "m"),
        "detector/detector_distance": (np.float32(0.2), "m"),
        "detector/beam_center_x": (np.float32(22), "pixel"),
        "detector/beam_center_y": (np.float32(15), "pixel"),
        "detector/sensor_material": ("Si", None),
        "detector/sensor_thickness": (np.float32(450e-6), "m"),
        "detector/bit_depth_image": (np.uint32(16), None),
        "detector/detectorSpecific/pixel_mask": (specific, None),
        f"detector/{cutoff}": (np.uint32(50000), None),
        "beam/incident_wavelength": (np.float32(1.0), "angstrom"),
    }
    Master(fields).write(path)
    with h5py.File(path, "a") as file:
        for name in () if names_classes else ("entry/instrument", "entry/instrument/detector", "entry/instrument/beam"):
            del file[name].attrs["NX_class"]
    return path


def group(parent, name, nx_class):
    child = parent.create_group(name)
    child.attrs["NX_class"] = nx_class
    return child


def opened(master):
    """Its images."""
    return open_images(master, OpenFiles(8))


def settle(*paths):
    """Let the files look as if nobody had touched them for an hour."""
    for path in paths:
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)


def some_images(n=5, dtype=np.uint16, shape=SHAPE):
    return np.random.default_rng(n).poisson(2, (n, *shape)).astype(dtype)


def write_images(path, images, name="data", **options):
    """A data file in one dataset, one bitshuffle-LZ4 chunk for each image unless told otherwise."""
    options = options or {"chunks": (1, *images.shape[1:]), **BITSHUFFLE_LZ4}
    with h5py.File(path, "a", libver=("v110", "v110")) as file:
        file.create_dataset(name, data=images, **options)
    return path


def encoded(image, block_pixels=0):
    """The chunk that holds an image, in bitshuffle blocks of so many pixels (a multiple of 8; 0: the default)."""
    with h5py.File.in_memory() as file:
        options = hdf5plugin.Bitshuffle(nelems=block_pixels, cname="lz4")
        data = file.create_dataset("data", data=image, chunks=image.shape, **options)
        return data.id.read_direct_chunk((0, 0))[1]


def link(master, name, target, path="data"):
    with h5py.File(master, "a", libver=("v110", "v110")) as file:
        file[f"entry/data/{name}"] = h5py.ExternalLink(target, path)


def virtual(master, parts, n_images, dtype=np.uint16, shape=SHAPE):
    """/entry/data/data of parts (file name, images there, which of the source, which of all)."""
    layout = h5py.VirtualLayout((n_images, *shape), dtype)
    for name, n, stored, shown in parts:
        layout[shown] = h5py.VirtualSource(name, "data", (n, *shape), dtype)[stored]
    with h5py.File(master, "a", libver=("v110", "v110")) as file:
        file["entry/data"].create_virtual_dataset("data", layout)


def virtual_without_end(master, names):
    """/entry/data/data of files that take turns, an image each, and may grow."""
    any_number = h5py.h5s.create_simple((0, *SHAPE), (h5py.h5s.UNLIMITED, *SHAPE))
    stored, shown = any_number.copy(), any_number.copy()
    stored.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (1, 1, 1), (1, *SHAPE))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for turn, name in enumerate(names):
        shown.select_hyperslab((turn, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (len(names), 1, 1), (1, *SHAPE))
        properties.set_virtual(shown, name.encode(), b"data", stored)
    with h5py.File(master, "a", libver=("v110", "v110")) as file:
        h5py.h5d.create(file["entry/data"].id, b"data", h5py.h5t.NATIVE_UINT16, any_number, properties)


def growing(path):
    """A data file without images."""
    return write_images(path, np.empty((0, *SHAPE), np.uint16), chunks=(1, *SHAPE), maxshape=(None, *SHAPE))


def append(path, image):
    with h5py.File(path, "r+") as file:
        file["data"].resize(len(file["data"]) + 1, axis=0)
        file["data"][-1] = image


def collection(folder: Path, images, **changes):
    """A settled collection: a master, and one data file behind a virtual dataset."""
    master = Master().write(folder / "grid_master.h5", **changes)
    data = write_images(folder / "grid_000001.h5", images)
    every = np.s_[: len(images)]
    virtual(master, [(data.name, len(images), every, every)], len(images), images.dtype, images.shape[1:])
    settle(master, data)
    return master


def write_live(path, orders, libver, swmr):
    """Write a growing data file from another process, one image for each order received."""
    with h5py.File(path, "w", libver=libver) as file:
        images = file.create_dataset(
            "data", (0, *SHAPE), np.uint16, chunks=(1, *SHAPE), maxshape=(None, *SHAPE), **BITSHUFFLE_LZ4
        )
        file.flush()
        if swmr:
            file.swmr_mode = True
        orders.send("open")
        while (image := orders.recv()) is not None:
            images.resize(len(images) + 1, axis=0)
            images[-1] = image
            file.flush()
            orders.send("written")

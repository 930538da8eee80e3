"""The master file of a data collection: complete NXmx metadata and links to the data files.

Field names and units: NeXus application definition NXmx (gold standard: Bernstein et al. (2020), IUCrJ 7, 784-792).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import ArrayLike

from simulator.live import LIBVER, data_files
from simulator.scans import Axis, Scan

DETECTOR = "/entry/instrument/detector"
TRANSFORMATIONS = f"{DETECTOR}/transformations"
SAMPLE_TRANSFORMATIONS = "/entry/sample/transformations"


def write_master(scan: Scan, master: Path, images_per_file: int) -> None:
    """Writes the master file of a scan; it appears whole or not at all, and before any data file."""
    unfinished = master.with_suffix(".part")
    with h5py.File(unfinished, "w", libver=LIBVER) as file:
        _write_entry(file, scan)
        _write_instrument(file, scan)
        _write_detector(file, scan)
        _write_module(file, scan)
        _write_sample(file, scan.axes)
        link_data(file, data_files(master, scan.n_images, images_per_file), scan.detector.shape, scan.detector.dtype)
    unfinished.replace(master)


def link_data(file: h5py.File, files: list[tuple[Path, int]], shape: tuple[int, int], dtype: np.dtype) -> None:
    """Puts `/entry/data/data` (virtual, all images) and one external link per data file into a master file."""
    layout = h5py.VirtualLayout(shape=(sum(n for _, n in files), *shape), dtype=dtype)
    first = 0
    for number, (path, n_images) in enumerate(files, start=1):
        layout[first : first + n_images] = h5py.VirtualSource(path.name, "data", shape=(n_images, *shape))
        file[f"/entry/data/data_{number:06d}"] = h5py.ExternalLink(path.name, "data")
        first += n_images
    file.create_virtual_dataset("/entry/data/data", layout)


def scanned_axis(axes: list[Axis]) -> Axis:
    """The first axis that moves between images; the first of all if none does."""
    return next((axis for axis in axes if axis.values.size > 1), axes[0])


def _write_entry(file: h5py.File, scan: Scan) -> None:
    start = datetime.now(UTC)
    file.attrs["default"] = np.bytes_("entry")
    entry = _group(file, "/entry", "NXentry", default="data")
    entry["definition"] = np.bytes_("NXmx")
    entry["start_time"] = _time(start)
    entry["end_time_estimated"] = _time(start + timedelta(seconds=scan.exposure_s * scan.n_images))
    source = _group(file, "/entry/source", "NXsource")
    source["name"] = np.bytes_("Simulated storage ring")
    source["name"].attrs["short_name"] = np.bytes_("SIM")
    _group(file, "/entry/data", "NXdata", signal="data", axes=scanned_axis(scan.axes).name)


def _write_instrument(file: h5py.File, scan: Scan) -> None:
    instrument = _group(file, "/entry/instrument", "NXinstrument")
    instrument["name"] = np.bytes_("Simulated beamline")
    instrument["name"].attrs["short_name"] = np.bytes_("SIM")
    beam = _group(file, "/entry/instrument/beam", "NXbeam")
    _number(beam, "incident_wavelength", scan.beam.wavelength, "angstrom")
    _number(beam, "incident_beam_size", np.array(scan.beam.size_um), "um")
    _number(beam, "total_flux", scan.beam.flux, "Hz")


def _write_detector(file: h5py.File, scan: Scan) -> None:
    detector = scan.detector
    group = _group(file, DETECTOR, "NXdetector")
    group["description"] = np.bytes_(f"Simulated EIGER2 {detector.model}")
    group["type"] = np.bytes_("Pixel")
    group["sensor_material"] = np.bytes_("Si")
    for name, value, unit in (
        ("sensor_thickness", detector.sensor_mm / 1000, "m"),
        ("x_pixel_size", detector.pixel_mm / 1000, "m"),
        ("y_pixel_size", detector.pixel_mm / 1000, "m"),
        ("distance", detector.distance_mm / 1000, "m"),
        ("beam_center_x", detector.beam_centre_px[0], "pixel"),
        ("beam_center_y", detector.beam_centre_px[1], "pixel"),
        ("count_time", scan.exposure_s, "s"),
        ("frame_time", scan.exposure_s, "s"),
    ):
        _number(group, name, value, unit)
    group["bit_depth_readout"] = detector.bit_depth
    group["saturation_value"] = detector.saturation
    group["underload_value"] = 0
    mask = detector.mask
    group.create_dataset("pixel_mask", data=mask, chunks=mask.shape, compression=hdf5plugin.Bitshuffle(cname="lz4"))
    group["depends_on"] = np.bytes_(f"{TRANSFORMATIONS}/det_z")
    _group(file, TRANSFORMATIONS, "NXtransformations")
    _transformation(
        file, f"{TRANSFORMATIONS}/det_z", Axis("det_z", "translation", np.array([detector.distance_mm]), (0, 0, 1)), "."
    )


def _write_module(file: h5py.File, scan: Scan) -> None:
    """The sensor's corner and its two directions; imgCIF's x and z are turned round in the NeXus frame."""
    detector, path = scan.detector, f"{DETECTOR}/module"
    module = _group(file, path, "NXdetector_module")
    module["data_origin"] = np.array([0, 0])
    module["data_size"] = np.array(detector.shape)
    module["data_stride"] = np.array([1, 1])
    corner_mm = np.array([*(centre * detector.pixel_mm for centre in detector.beam_centre_px), 0.0])
    origin = Axis("module_offset", "translation", np.array([0.0]), (1, 0, 0))
    fast = Axis("fast_pixel_direction", "translation", np.array([detector.pixel_mm]), (-1, 0, 0))
    slow = Axis("slow_pixel_direction", "translation", np.array([detector.pixel_mm]), (0, -1, 0))
    _transformation(file, f"{path}/{origin.name}", origin, f"{TRANSFORMATIONS}/det_z", offset_mm=corner_mm)
    for axis in (fast, slow):
        _transformation(file, f"{path}/{axis.name}", axis, f"{path}/{origin.name}", offset_mm=np.zeros(3))


def _write_sample(file: h5py.File, axes: list[Axis]) -> None:
    """The goniometer: the sample hangs on the last axis, each axis on the one before, the first on the floor."""
    sample = _group(file, "/entry/sample", "NXsample")
    sample["name"] = np.bytes_("simulated crystals")
    sample["depends_on"] = np.bytes_(f"{SAMPLE_TRANSFORMATIONS}/{axes[-1].name}")
    _group(file, SAMPLE_TRANSFORMATIONS, "NXtransformations")
    depends_on = "."
    for axis in axes:
        path = f"{SAMPLE_TRANSFORMATIONS}/{axis.name}"
        _transformation(file, path, axis, depends_on)
        depends_on = path
    scanned = scanned_axis(axes).name
    file[f"/entry/data/{scanned}"] = h5py.SoftLink(f"{SAMPLE_TRANSFORMATIONS}/{scanned}")


def _group(file: h5py.File, path: str, nx_class: str, **attributes: str) -> h5py.Group:
    group = file.require_group(path)
    for name, value in {"NX_class": nx_class, **attributes}.items():
        group.attrs[name] = np.bytes_(value)
    return group


def _number(group: h5py.Group, name: str, value: ArrayLike, units: str) -> None:
    group[name] = value
    group[name].attrs["units"] = np.bytes_(units)


def _transformation(
    file: h5py.File, path: str, axis: Axis, depends_on: str, offset_mm: ArrayLike | None = None
) -> None:
    dataset = file.create_dataset(path, data=axis.values)
    dataset.attrs["transformation_type"] = np.bytes_(axis.kind)
    dataset.attrs["units"] = np.bytes_("deg" if axis.kind == "rotation" else "mm")
    dataset.attrs["vector"] = np.array(axis.vector, float)
    dataset.attrs["depends_on"] = np.bytes_(depends_on)
    if offset_mm is not None:
        dataset.attrs["offset"] = offset_mm
        dataset.attrs["offset_units"] = np.bytes_("mm")


def _time(moment: datetime) -> np.bytes_:
    return np.bytes_(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

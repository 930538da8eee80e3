"""Waits until the last image of a collection is written: ``await_images.py MASTER N_IMAGES DEADLINE_S OUT.json``.

Reads NXmx files with h5py: one dataset, a virtual one, or links data_000001, data_000002 ... to data files. Any other
file is an image of its own, there once it is not empty and has stopped growing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import h5py

POLL_S = 0.5
STILL_S = 10.0  # longest step that counts as waiting; a longer one means that the machine stood still
DATA = "/entry/data"
MASTERS = {".h5", ".hdf5", ".nxs"}


def n_written(dataset: h5py.Dataset) -> int:
    """Images present in one dataset, counted from its end: a detector writes in order."""
    if dataset.is_virtual:
        return sum(n_written_in(source, dataset) for source in dataset.virtual_sources())
    if dataset.chunks is None:
        return int(dataset.shape[0])
    for image in reversed(range(dataset.shape[0])):
        if dataset.id.get_chunk_info_by_coord((image, 0, 0)).byte_offset is not None:
            return image + 1
    return 0


def n_written_in(source: h5py._hl.vds.VDSmap, dataset: h5py.Dataset) -> int:
    """Images present in one source of a virtual dataset; none if its file is not there yet."""
    path = Path(dataset.file.filename).parent / source.file_name
    if source.file_name == ".":
        return n_written(dataset.file[source.dset_name])
    with h5py.File(path, "r", swmr=True) as file:
        return n_written(file[source.dset_name])


def n_images(master: str) -> int:
    """Images that can be read now."""
    with h5py.File(master, "r", swmr=True) as file:
        group = file[DATA]
        if "data" in group:
            return n_written(group["data"])
        return sum(n_written(group[name]) for name in sorted(group) if name.startswith("data_") and group.get(name))


def n_files(path: Path) -> int:
    """1 if the file is there and whole, as far as can be seen."""
    size = path.stat().st_size
    time.sleep(POLL_S)
    return int(0 < size == path.stat().st_size)


def look(master: str) -> tuple[int, str]:
    """Images that can be read now, or 0 and the reason."""
    try:
        path = Path(master)
        return n_images(master) if path.suffix in MASTERS else n_files(path), ""
    except (OSError, KeyError, RuntimeError) as fault:  # half-written files; HDF5 has many words for them
        return 0, f" ({fault})"


def main(master: str, expected: str, deadline_s: str, target: str) -> None:
    """Wait, and say how many there are; end with a message if the last one does not come."""
    last_look, waited_s = time.monotonic(), 0.0
    while (found := look(master))[0] < int(expected):
        waited_s += min(time.monotonic() - last_look, STILL_S)
        last_look = time.monotonic()
        if waited_s > float(deadline_s):
            count, why = found
            raise SystemExit(f"{count} of {expected} images in {master} after waiting {deadline_s} s{why}")
        time.sleep(POLL_S)
    draft = Path(f"{target}.draft")
    draft.write_text(json.dumps({"n_images": found[0], "waited_s": round(waited_s, 2)}))
    draft.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:])

from dataclasses import replace

import h5py
import hdf5plugin  # registers bitshuffle
import numpy as np
import pytest

from simulator.chunks import Compressor, create_images, eiger_format, image_format, read_chunk, write_chunk
from simulator.frames import cached_frames, generate_chunks, scan_key, write_frames


def test_chunks_are_what_hdf5_itself_would_write(tmp_path, rotation):
    image = rotation.prepare()(0)
    chunk = Compressor(eiger_format(image.shape)).compress(image)
    with h5py.File(tmp_path / "reference.h5", "w") as file:
        reference = file.create_dataset(
            "data", data=image[None], chunks=(1, *image.shape), compression=hdf5plugin.Bitshuffle(cname="lz4")
        )
        assert chunk == read_chunk(reference, 0)
        assert image_format(reference).filters[0].options == eiger_format(image.shape).filters[0].options


def test_a_format_read_back_makes_an_equal_dataset(tmp_path, rotation):
    image = rotation.prepare()(0)
    chunk = Compressor(eiger_format(image.shape)).compress(image)
    with h5py.File(tmp_path / "copies.h5", "w") as file:
        first = create_images(file, "first", 1, eiger_format(image.shape))
        second = create_images(file, "second", 1, image_format(first))
        write_chunk(second, 0, chunk)
    with h5py.File(tmp_path / "copies.h5") as file:
        assert np.array_equal(file["second"][0], image)


def test_images_that_share_a_chunk_are_refused(tmp_path):
    with h5py.File(tmp_path / "shared.h5", "w") as file:
        shared = file.create_dataset("data", (4, 10, 10), np.uint16, chunks=(2, 10, 10))
        with pytest.raises(ValueError, match="not one for each image"):
            image_format(shared)


def test_frames_are_the_scans_images_and_progress_is_told(tmp_path, grid):
    told = []
    write_frames(grid, tmp_path / "frames.h5", on_progress=lambda *done: told.append(done))

    make = grid.prepare()
    with h5py.File(tmp_path / "frames.h5") as file:
        assert all(np.array_equal(file["data"][image], make(image)) for image in (0, 6, 14))
    assert told == [(n, 15) for n in range(1, 16)]


def test_two_processes_make_what_one_makes(rotation):
    assert list(generate_chunks(rotation, workers=2)) == list(generate_chunks(rotation))


def test_a_scan_is_generated_once(tmp_path, rotation):
    told = []
    for _ in range(2):
        path = cached_frames(rotation, tmp_path / "cache", on_progress=lambda done, _: told.append(done))

    assert told == [1, 2, 3, 4]
    assert list((tmp_path / "cache").iterdir()) == [path]


def test_a_failure_leaves_nothing_in_the_cache(tmp_path, rotation):
    def stop(done, _):
        if done == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        cached_frames(rotation, tmp_path, on_progress=stop)

    assert not list(tmp_path.iterdir())


def test_every_parameter_has_its_own_place_in_the_cache(rotation):
    bent = replace(rotation, crystal=replace(rotation.crystal, mosaicity=0.11))

    assert len({scan_key(rotation), scan_key(bent), scan_key(replace(rotation, seed=6))}) == 3
    assert scan_key(rotation) == scan_key(replace(rotation))

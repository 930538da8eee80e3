"""The first step of every run: waits until the last image is written, in each layout that detectors use."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from services.launcher.pipelines import PAYLOAD
from services.launcher.pipelines.model import await_images
from shared.messages import RunChanged, RunState
from tests.launcher.builders import request, table
from tests.launcher.test_launcher import make, running

SHAPE = (3, 4, 5)


def write_images(path, n_written, name="data"):
    """A chunked dataset for three images, some of them written."""
    with h5py.File(path, "w") as file:
        images = file.create_dataset(name, SHAPE, np.uint16, chunks=(1, 4, 5))
        for image in range(n_written):
            images[image] = image + 1


def one_file(folder, n_written):
    write_images(folder / "a_master.h5", n_written, "entry/data/data")


def virtual(folder, n_written):
    write_images(folder / "a_000001.h5", 3)
    write_images(folder / "a_000002.h5", n_written)
    layout = h5py.VirtualLayout((6, 4, 5), np.uint16)
    for number in (1, 2):
        layout[3 * number - 3 : 3 * number] = h5py.VirtualSource(f"a_00000{number}.h5", "data", SHAPE)
    with h5py.File(folder / "a_master.h5", "w", libver="latest") as file:
        file.create_virtual_dataset("entry/data/data", layout)


def linked(folder, n_written):
    write_images(folder / "a_000001.h5", 3)
    write_images(folder / "a_000002.h5", n_written)
    with h5py.File(folder / "a_master.h5", "w") as file:
        for number in (1, 2):
            file[f"entry/data/data_00000{number}"] = h5py.ExternalLink(f"a_00000{number}.h5", "data")


def wait(folder, expected, deadline_s=0.1, file="a_master.h5"):
    arguments = [folder / file, str(expected), str(deadline_s), "images.json"]
    return subprocess.Popen(
        [sys.executable, PAYLOAD / "await_images.py", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={"HDF5_USE_FILE_LOCKING": "FALSE"},
    )


LAYOUTS = pytest.mark.parametrize(("write", "n_before"), [(one_file, 0), (virtual, 3), (linked, 3)])


@LAYOUTS
def test_images_that_are_there_are_counted(tmp_path, write, n_before):
    write(tmp_path, 3)
    with wait(tmp_path, n_before + 3) as process:
        assert process.wait() == 0
    assert json.loads((tmp_path / "images.json").read_text())["n_images"] == n_before + 3


@LAYOUTS
def test_an_image_that_does_not_come_is_said(tmp_path, write, n_before):
    write(tmp_path, 2)
    with wait(tmp_path, n_before + 3) as process:
        assert f"{n_before + 2} of {n_before + 3} images" in process.stderr.read()
    assert process.returncode == 1
    assert not (tmp_path / "images.json").exists()


@LAYOUTS
def test_a_late_image_is_waited_for(tmp_path, write, n_before):
    write(tmp_path, 2)
    with wait(tmp_path, n_before + 3, deadline_s=30) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        write(tmp_path, 3)
        assert process.wait() == 0


def test_a_data_file_that_is_not_there_yet_is_named(tmp_path):
    linked(tmp_path, 3)
    (tmp_path / "a_000002.h5").unlink()
    with wait(tmp_path, 6) as process:
        assert "3 of 6 images" in process.stderr.read()
    virtual(tmp_path, 3)
    (tmp_path / "a_000002.h5").unlink()
    with wait(tmp_path, 6) as process:
        assert "a_000002.h5" in process.stderr.read()


def test_a_file_that_is_no_hdf5_is_said(tmp_path):
    (tmp_path / "a_master.h5").write_text("not HDF5")
    with wait(tmp_path, 3) as process:
        assert "0 of 3 images" in process.stderr.read()


def test_an_image_in_a_file_of_its_own_is_there_once_it_is_not_empty(tmp_path):
    (tmp_path / "a_0003.cbf").touch()
    with wait(tmp_path, 1, file="a_0003.cbf") as process:
        assert "0 of 1 images" in process.stderr.read()
    (tmp_path / "a_0003.cbf").write_text("###CBF")
    with wait(tmp_path, 1, file="a_0003.cbf") as process:
        assert process.wait() == 0


def test_an_image_file_that_does_not_come_is_named(tmp_path):
    with wait(tmp_path, 1, file="a_0003.cbf") as process:
        assert "a_0003.cbf" in process.stderr.read()


async def test_a_run_of_several_sweeps_waits_for_the_last_image_of_each(tmp_path):
    def sweep(name, n_written, **changes):
        write_images(tmp_path / "lysozyme" / name, n_written, "entry/data/data")
        return request(tmp_path, master_file=name, number_of_images=3, **changes)

    mesh = make(tmp_path, table(steps=await_images, multi_sweep=True))
    first, other = sweep("a_master.h5", 3), sweep("b_master.h5", 2, dcid=2002)
    async with running(mesh):
        mesh.ask(first.model_copy(update={"others": (other.collection,)}))
        steps = [("await_images", "done"), ("await_images_2", "running")]
        await mesh.true(lambda: steps in [[(s.name, s.state) for s in c.steps] for c in mesh.said(RunChanged)])
        sweep("b_master.h5", 3)
        (result,) = await mesh.results()
    assert result.state is RunState.SUCCEEDED
    assert json.loads((Path(result.directory) / "images_2.json").read_text())["n_images"] == 3

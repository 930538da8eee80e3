"""What a master says of the sample's position, and what it fails to say."""

import h5py
import numpy as np
import pytest

from services.spotfinder.images.positions import read_positions

GONIOMETER = {
    "phi": {"values": [30.0], "kind": "rotation", "units": "deg", "vector": (-1, 0, 0), "depends_on": "x"},
    "x": {"values": [0, 1, 2], "kind": "translation", "units": "mm", "vector": (1, 0, 0), "depends_on": "y"},
    "y": {"values": [0, 0, 5], "kind": "translation", "units": "um", "vector": (0, 1, 0), "depends_on": "."},
}


def master(path, goniometer=GONIOMETER, first="transformations/phi"):
    with h5py.File(path, "w") as file:
        sample = file.create_group("entry/sample")
        sample["depends_on"] = first
        for name, axis in goniometer.items():
            dataset = sample.create_dataset(f"transformations/{name}", data=axis["values"])
            dataset.attrs["transformation_type"] = axis["kind"]
            dataset.attrs.update({key: axis[key] for key in ("units", "vector", "depends_on") if key in axis})
    return path


def changed(name, **changes):
    return {**GONIOMETER, name: {**GONIOMETER[name], **changes}}


def without(name, key):
    return {**GONIOMETER, name: {k: v for k, v in GONIOMETER[name].items() if k != key}}


@pytest.mark.parametrize(
    ("goniometer", "first"),
    [
        (GONIOMETER, "transformations/phi"),
        (GONIOMETER, "/entry/sample/transformations/phi"),
        (without("y", "depends_on"), "transformations/phi"),
    ],
)
def test_translations_add_up_along_the_axes(tmp_path, goniometer, first):
    positions = read_positions(master(tmp_path / "master.h5", goniometer, first))
    assert positions == pytest.approx(np.array([[0, 0, 0], [1, 0, 0], [2, 0.005, 0]]))


@pytest.mark.parametrize(
    "goniometer",
    [
        changed("phi", values=[0.0, 0.1, 0.2]),
        {**changed("x", values=[1.0]), "y": {**GONIOMETER["y"], "values": [2.0]}},
        changed("x", values=[1.0, 1.0, 1.0]) | {"y": {**GONIOMETER["y"], "values": [2.0]}},
        changed("x", values=[0, 1]),
        changed("x", units="furlong"),
        changed("y", depends_on="x"),
        changed("y", depends_on="z"),
        without("x", "vector"),
    ],
    ids=["turns", "rests", "rests for every image", "lengths", "units", "circle", "no such axis", "no vector"],
)
def test_positions_are_not_known_of_a_sample_that_turns_or_rests_or_of_axes_that_make_no_sense(tmp_path, goniometer):
    assert read_positions(master(tmp_path / "master.h5", goniometer)) is None


def test_a_master_without_a_sample_says_no_positions(tmp_path):
    h5py.File(tmp_path / "master.h5", "w").close()
    assert read_positions(tmp_path / "master.h5") is None


def test_a_file_that_is_no_hdf5_file_says_no_positions(tmp_path):
    (tmp_path / "image.cbf").write_bytes(b"###CBF: VERSION 1.5")
    assert read_positions(tmp_path / "image.cbf") is None

"""Regions and masks that an operator sets."""

import json
import pickle
import subprocess
from pathlib import Path

import fabio
import fabio.tifimage
import h5py
import numpy as np
import pytest

from benchmarks.spotfinder.compare_with_dials import DIALS_PYTHON
from services.spotfinder.images import ImageUnreadable, read_mask_file
from services.spotfinder.settings import Settings
from services.spotfinder.untrusted import NOTHING, Untrusted

HEIGHT, WIDTH = 60, 80
ALL_VALID = np.ones((HEIGHT, WIDTH), np.bool_)
REGIONS = [
    ("rectangle", [10, 20, 30, 31]),
    ("rectangle", [0, WIDTH, 0, 1]),
    ("rectangle", [79, 80, 59, 60]),
    ("circle", [40, 30, 10]),
    ("circle", [40.5, 30.25, 7.3]),
    ("circle", [0, 0, 5]),
    ("circle", [85, 62, 12]),
    ("circle", [40, 30, 0.5]),
    ("circle", [40, 30, 500]),
    ("polygon", [[10, 10], [30, 12], [25, 40], [8, 38]]),
    ("polygon", [[10, 10], [30, 10], [30, 20], [10, 20]]),
    ("polygon", [[10.5, 10.5], [30.5, 10.5], [30.5, 20.5], [10.5, 20.5]]),
    ("polygon", [[0, 0], [50, 50], [50, 0], [0, 50]]),
    ("polygon", [[-20, 5], [40, -30], [200, 30], [40, 90], [30, 20]]),
]


def excluded(mask):
    return np.flatnonzero(~mask).tolist()


def region(kind, where):
    where = tuple(map(tuple, where)) if kind == "polygon" else tuple(where)
    return Untrusted(**{f"{kind}s": (where,)})


@pytest.mark.dials
def test_every_region_takes_the_pixels_that_it_takes_in_dials():
    script = Path(__file__).with_name("dials_masks.py")
    asked = json.dumps([HEIGHT, WIDTH, *REGIONS])
    done = subprocess.run([DIALS_PYTHON, str(script)], input=asked, capture_output=True, text=True, check=True)
    ours = [excluded(region(*r).exclude_from(ALL_VALID)) for r in REGIONS]
    assert ours == json.loads(done.stdout)
    assert all(ours)


def test_a_rectangle_is_half_open():
    mask = Untrusted(rectangles=((10, 12, 30, 31),)).exclude_from(ALL_VALID)
    assert np.argwhere(~mask).tolist() == [[30, 10], [30, 11]]


def test_a_circle_takes_the_pixels_whose_indices_are_nearer_than_its_radius():
    mask = Untrusted(circles=((10, 30, 1),)).exclude_from(ALL_VALID)
    assert np.argwhere(~mask).tolist() == [[30, 10]]
    assert (~Untrusted(circles=((10, 30, 1.1),)).exclude_from(ALL_VALID)).sum() == 5


def test_a_polygon_takes_the_pixels_whose_centres_it_holds():
    mask = Untrusted(polygons=(((10, 30), (12, 30), (12, 31), (10, 31)),)).exclude_from(ALL_VALID)
    assert np.argwhere(~mask).tolist() == [[30, 10], [30, 11]]


def test_regions_and_the_detectors_own_mask_add_up(tmp_path):
    own = ALL_VALID.copy()
    own[0, 0] = False
    np.save(tmp_path / "mask.npy", np.eye(HEIGHT, WIDTH, 5, np.uint8))
    untrusted = Untrusted(
        rectangles=((1, 2, 0, 1), (3, 4, 0, 1)),
        circles=((50, 0, 0.5),),
        polygons=(((60, 0), (61, 0), (61, 1), (60, 1)),),
        mask_file=tmp_path / "mask.npy",
    )
    mask = untrusted.exclude_from(own)
    assert np.flatnonzero(~mask[0]).tolist() == [0, 1, 3, 5, 50, 60]
    assert excluded(own) == [0]
    assert np.array_equal(NOTHING.exclude_from(own), own)


@pytest.mark.parametrize(
    "outside",
    [
        ("rectangle", (10, 81, 0, 1)),
        ("rectangle", (10, 20, 60, 61)),
        ("rectangle", (20, 10, 0, 1)),
        ("circle", (200, 30, 10)),
        ("circle", (40, -30, 10)),
        ("polygon", ((100, 0), (120, 0), (120, 30))),
    ],
)
def test_a_region_outside_the_image_is_a_failure_that_names_it(outside):
    with pytest.raises(ImageUnreadable, match=f"untrusted {outside[0]} .* image of 80 x 60 pixels"):
        region(*outside).exclude_from(ALL_VALID)


def write_npy(path, values):
    np.save(path, values)


def write_nxmx(path, values, name="entry/instrument/detector/pixel_mask"):
    with h5py.File(path, "w") as file:
        file[name] = values
        file["entry/other"] = np.zeros((3, 3))


def write_dectris(path, values):
    write_nxmx(path, values, "entry/instrument/detector/detectorSpecific/pixel_mask")


def write_only_image(path, values):
    with h5py.File(path, "w") as file:
        file["somewhere/drawn"] = values
        file["somewhere/numbers"] = np.arange(3)


def write_tiff(path, values):
    fabio.tifimage.TifImage(data=values).write(str(path))


def write_edf(path, values):
    fabio.edfimage.EdfImage(data=values).write(str(path))


def write_cbf(path, values):
    fabio.cbfimage.CbfImage(data=values.astype(np.int32)).write(str(path))


FORMATS = {
    "mask.npy": write_npy,
    "beamline.nxs": write_nxmx,
    "thau_master.h5": write_dectris,
    "drawn.h5": write_only_image,
    "mask.tif": write_tiff,
    "mask.edf": write_edf,
    "mask.cbf": write_cbf,
}


@pytest.mark.parametrize(("name", "write"), FORMATS.items(), ids=FORMATS)
def test_a_number_other_than_0_excludes_a_pixel_in_every_format(tmp_path, name, write):
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbers[3, 4], numbers[5, 6] = 1, 16
    write(tmp_path / name, numbers)
    assert np.argwhere(~read_mask_file(tmp_path / name)).tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize("name", ["mask.npy", "drawn.h5"])
def test_a_truth_value_keeps_a_pixel_as_in_dials(tmp_path, name):
    valid = ALL_VALID.copy()
    valid[3, 4] = False
    FORMATS[name](tmp_path / name, valid)
    assert np.argwhere(~read_mask_file(tmp_path / name)).tolist() == [[3, 4]]


def test_a_pickle_is_never_opened(tmp_path):
    for name in ("pixels.mask", "mask.pickle"):
        with pytest.raises(ImageUnreadable, match=r"is a pickle.*numpy\.save"):
            read_mask_file(tmp_path / name)
    np.save(tmp_path / "mask.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ImageUnreadable, match=r"mask\.npy"):
        read_mask_file(tmp_path / "mask.npy")


def two_images(path):
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = np.zeros((3, 3)), np.zeros((3, 3))


NO_MASKS = {
    "missing.npy": lambda _: None,
    "missing.h5": lambda _: None,
    "missing.tif": lambda _: None,
    "empty.npy": Path.touch,
    "empty.h5": Path.touch,
    "empty.tif": Path.touch,
    "nonsense.tif": lambda path: path.write_bytes(b"no image"),
    "row.npy": lambda path: np.save(path, np.zeros(5)),
    "words.npy": lambda path: np.save(path, np.array([["a", "b"]])),
    "two.h5": two_images,
}


@pytest.mark.parametrize(("name", "write"), NO_MASKS.items(), ids=NO_MASKS)
def test_a_file_without_a_mask_is_a_failure_that_names_it(tmp_path, name, write):
    write(tmp_path / name)
    with pytest.raises(ImageUnreadable, match=f"mask file .*{name}"):
        read_mask_file(tmp_path / name)


def test_a_mask_of_another_shape_is_a_failure(tmp_path):
    np.save(tmp_path / "mask.npy", np.zeros((WIDTH, HEIGHT)))
    with pytest.raises(ImageUnreadable, match=r"mask\.npy has \(80, 60\) pixels, the image \(60, 80\)"):
        Untrusted(mask_file=tmp_path / "mask.npy").exclude_from(ALL_VALID)


def test_a_mask_the_wrong_way_round_is_a_failure(tmp_path):
    np.save(tmp_path / "mask.npy", ~np.eye(HEIGHT, WIDTH, dtype=bool) + np.uint8(0))
    with pytest.raises(ImageUnreadable, match=r"excludes 99% of the image"):
        Untrusted(mask_file=tmp_path / "mask.npy").exclude_from(ALL_VALID)


def test_settings_say_what_is_untrusted(tmp_path):
    np.save(tmp_path / "mask.npy", np.zeros((3, 3)))
    settings = Settings(
        untrusted_rectangles=[[0, 1, 2, 3]],
        untrusted_circles=[[4, 5.5, 6]],
        untrusted_polygons=[[[0, 0], [1, 0], [1, 1]]],
        mask_file=tmp_path / "mask.npy",
    )
    assert settings.untrusted == Untrusted(
        ((0, 1, 2, 3),), ((4, 5.5, 6),), (((0, 0), (1, 0), (1, 1)),), tmp_path / "mask.npy"
    )
    assert Settings().untrusted == NOTHING
    assert pickle.loads(pickle.dumps(settings.untrusted)) == settings.untrusted  # noqa: S301 - our own


def test_settings_come_from_the_environment(tmp_path, monkeypatch):
    np.save(tmp_path / "mask.npy", np.zeros((3, 3)))
    monkeypatch.setenv("MXMESH_UNTRUSTED_RECTANGLES", "[[0, 1, 2, 3]]")
    monkeypatch.setenv("MXMESH_UNTRUSTED_CIRCLES", "[[4, 5.5, 6]]")
    monkeypatch.setenv("MXMESH_UNTRUSTED_POLYGONS", "[[[0, 0], [1, 0], [1, 1]]]")
    monkeypatch.setenv("MXMESH_MASK_FILE", str(tmp_path / "mask.npy"))
    assert Settings.load().untrusted == Untrusted(
        ((0, 1, 2, 3),), ((4, 5.5, 6),), (((0, 0), (1, 0), (1, 1)),), tmp_path / "mask.npy"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask_file": "/no/such/mask.npy"},
        {"untrusted_rectangles": [[0, 1, 2]]},
        {"untrusted_rectangles": [[-1, 1, 2, 3]]},
        {"untrusted_circles": [[4, 5, 0]]},
        {"untrusted_polygons": [[[0, 0], [1, 0]]]},
    ],
)
def test_settings_that_make_no_sense_stop_the_start(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)

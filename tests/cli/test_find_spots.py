"""`mxmesh find-spots` as a user types it: pictures, JSON, failures."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import orjson
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from cli.__main__ import app
from cli.plots import heatmap, image
from services.spotfinder.per_image_analysis import ImageAnalysis
from tests.spotfinder.cbf_files import some_pixels, write_cbf
from tests.spotfinder.nexus_files import collection, settle, some_images

ROOT = Path(__file__).parents[2]
THAUMATIN = ROOT / "tests" / "data" / "thaumatin_grid" / "thaumatin_grid_master.h5"


def find_spots(*arguments: object) -> Result:
    """Wide enough for any message to stay in one line."""
    arguments = ("find-spots", "--workers", "1", *arguments)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "400"})


def words_of(svg: Path) -> str:
    """What a drawing says: Matplotlib leaves every text in a comment beside its shapes."""
    return svg.read_text()


def has_colour(picture: Path, colour: str) -> bool:
    return bool((abs(imread(picture)[..., :3] - to_rgb(colour)) < 0.01).all(axis=-1).any())


@pytest.fixture
def small(tmp_path):
    """Six small images, the third of which is broken."""
    master = collection(tmp_path, some_images(6))
    data = tmp_path / "grid_000001.h5"
    with h5py.File(data, "r+") as file:
        file["data"].id.write_direct_chunk((2, 0, 0), bytes(40))
    settle(data)
    return master


def test_one_image_is_drawn_as_a_png_of_the_size_that_was_promised(tmp_path):
    done = find_spots(THAUMATIN, "--image", 7, "--plot", tmp_path / "spots.png")
    assert done.exit_code == 0
    height, width, _ = imread(tmp_path / "spots.png").shape
    assert 1500 < height < 2000
    assert 1500 < width < 2000
    assert all(has_colour(tmp_path / "spots.png", colour) for colour in (image.NOT_VALID, image.BEAM))


def test_an_image_that_is_asked_for_is_the_only_one_analysed(tmp_path):
    done = find_spots(THAUMATIN, "--image", 7, "--plot", tmp_path / "spots.svg", "--json")
    assert [(line["image"], line["n_spots_total"]) for line in map(orjson.loads, done.stdout.splitlines())] == [(7, 46)]
    words = words_of(tmp_path / "spots.svg")
    assert "thaumatin_grid_master.h5, image 7" in words
    assert "46 spots" in words
    assert " Å -->" in words


def test_the_whole_grid_is_drawn_and_without_a_choice_the_image_with_most_spots(tmp_path):
    done = find_spots(THAUMATIN, "--plot", tmp_path / "spots.svg", "--heatmap", tmp_path / "grid.png")
    assert done.exit_code == 0
    assert "image 1 (the first is 0)" in words_of(tmp_path / "spots.svg")
    assert "1373 spots" in words_of(tmp_path / "spots.svg")
    assert has_colour(tmp_path / "grid.png", heatmap.COLOURS[0])
    assert has_colour(tmp_path / "grid.png", heatmap.COLOURS[-1])
    assert "0 ░░██████▓▓▓▓▒▒░░··" in done.stdout
    assert "1373" in done.stdout


def test_a_grid_may_be_told_and_shows_what_failed(small, tmp_path):
    done = find_spots(small, "--heatmap", tmp_path / "grid.png", "--grid", "3x2", "--snaked")
    assert done.exit_code == 1
    assert "0 ····XX" in done.stdout
    assert "image 2: " in done.stderr
    assert "1 of 6 images could not be analysed" in done.stderr
    assert has_colour(tmp_path / "grid.png", heatmap.FAILED)


def test_json_has_a_line_for_every_image_with_its_figures_or_its_failure(small):
    done = find_spots(small, "--json")
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [line["image"] for line in lines] == list(range(6))
    assert [list(line) for line in lines if line["image"] != 2] == [["image", *ImageAnalysis._fields]] * 5
    assert list(lines[2]) == ["image", "failure"]
    assert "grid_000001.h5" in lines[2]["failure"]
    assert done.exit_code == 1


def test_the_help_says_what_every_figure_of_the_json_is():
    done = find_spots("--help")
    assert all(name in done.stdout for name in (*ImageAnalysis._fields, "failure"))
    assert "[counts]" in done.stdout
    assert "[Å]" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image", 6], "has no image 6: choose one from 0 to 5"),
        (["--image", 6, "--heatmap", "grid.png", "--grid", "3x2"], "has no image 6: choose one from 0 to 5"),
        (["--heatmap", "grid.png"], "give --grid COLUMNSxROWS"),
        (["--heatmap", "grid.png", "--grid", "2x2"], "2 x 2 = 4 boxes"),
        (["--snaked"], "--snaked goes with --grid COLUMNSxROWS"),
        (["--plot", "spots.gif"], "choose a name that ends so"),
        (["--plot", "spots"], "choose a name that ends so"),
        (["--plot", "nowhere/spots.png"], "nowhere is no folder: make it, or choose another place"),
        (["--plot", "folder.png"], "cannot be written: choose another place"),
        (["--image", 2, "--plot", "spots.png"], "there is nothing to draw: no image could be analysed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(arguments, words, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    done = find_spots(small, *arguments)
    assert done.exit_code == 1
    assert words in done.stderr
    assert not [path for path in tmp_path.rglob("*.png") if path.is_file()]


def test_a_wrong_option_is_refused_before_any_image_is_read(small):
    done = find_spots(small, "--heatmap", "nowhere/grid.png", "--grid", "3x2", "--json")
    assert (done.exit_code, done.stdout) == (1, "")


def n_spots(*arguments):
    done = find_spots(THAUMATIN, "--image", 7, "--json", *arguments)
    assert done.exit_code == 0
    return orjson.loads(done.stdout)["n_spots_total"]


def test_regions_and_a_mask_take_spots_away(tmp_path):
    np.save(tmp_path / "upper.npy", np.arange(2527)[:, None] * np.ones(2463, int) // 1300)
    everything = n_spots()
    upper = n_spots("--mask", tmp_path / "upper.npy")
    lower = n_spots("--untrusted-rectangle", "0,2463,0,1200", "--untrusted-rectangle", "0,2463,1200,1300")
    assert 0 < upper < everything
    assert 0 < lower < everything
    assert upper + lower <= everything
    assert n_spots("--untrusted-circle", "1261,1307,900") < everything
    assert n_spots("--untrusted-circle", "0,0,1.5", "--untrusted-circle", "2462,0,1.5") == everything


def test_what_is_left_out_is_drawn_so(tmp_path):
    find_spots(THAUMATIN, "--image", 7, "--plot", tmp_path / "all.png")
    find_spots(THAUMATIN, "--image", 7, "--plot", tmp_path / "half.png", "--untrusted-rectangle", "0,2463,0,1300")
    is_grey = [
        abs(imread(tmp_path / name)[..., :3] - to_rgb(image.NOT_VALID)) < 0.01 for name in ("all.png", "half.png")
    ]
    few, many = (pixels.all(axis=-1).sum() for pixels in is_grey)
    assert many > 2 * few > 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--untrusted-rectangle", "1,2,3"], 2, "'1,2,3': give four whole numbers"),
        (["--untrusted-circle", "1,2,x"], 2, "'1,2,x': give three numbers"),
        (["--mask", "nowhere.npy"], 2, "nowhere.npy"),
        (
            ["--untrusted-rectangle", "0,45,0,10"],
            1,
            "untrusted rectangle x0, x1, y0, y1 = (0, 45, 0, 10) is not within",
        ),
    ],
)
def test_a_region_that_makes_no_sense_is_refused(arguments, exit_code, words, small):
    done = find_spots(small, *arguments)
    assert done.exit_code == exit_code
    assert words in done.stderr


def test_a_template_is_a_collection(tmp_path):
    for number in (1, 2):
        write_cbf(tmp_path / f"grid_{number:04d}.cbf", some_pixels(number))
    done = find_spots(tmp_path / "grid_####.cbf", "--json")
    assert [orjson.loads(line)["image"] for line in done.stdout.splitlines()] == [0, 1]
    assert done.exit_code == 0


def test_a_grid_that_is_none_is_a_usage_error(small):
    done = find_spots(small, "--grid", "twenty")
    assert done.exit_code == 2
    assert "COLUMNSxROWS" in done.stderr


def test_nothing_can_be_drawn_where_every_image_failed(tmp_path):
    master = collection(tmp_path, some_images(1))
    (tmp_path / "grid_000001.h5").write_bytes(b"no HDF5")
    settle(tmp_path / "grid_000001.h5")
    done = find_spots(master, "--plot", tmp_path / "spots.png")
    assert done.exit_code == 1
    assert "error: " in done.stderr
    assert not (tmp_path / "spots.png").exists()


def test_matplotlib_is_not_imported_for_those_who_do_not_draw():
    script = "import sys, cli.spots; sys.exit('matplotlib' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=60).returncode == 0

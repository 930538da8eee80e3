"""From the sample's positions, or a user's words, to the grid on which images were taken."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from cli.grids import GridFault, Steps, grid_of, known_grid
from services.aggregator.heatmap import box_of
from services.spotfinder.images.positions import read_positions
from shared.messages import Grid
from simulator.demo import demo_grid, demo_rotation
from simulator.grid import GridScan
from simulator.nxmx import write_master


def master_of(scan, folder):
    write_master(scan, folder / "scan_master.h5", images_per_file=1000)
    return folder / "scan_master.h5"


@pytest.mark.parametrize("snaked", [False, True])
def test_the_master_of_a_grid_scan_says_its_grid(snaked, tmp_path):
    demo = demo_grid()
    scan = GridScan(
        steps_x=4, steps_y=3, snaked=snaked, box_um=(20, 10), detector=demo.detector, beam=demo.beam, crystals=()
    )
    grid = known_grid(master_of(scan, tmp_path), 12, None, snaked=False)
    assert grid is not None
    assert (grid.steps_x, grid.steps_y, grid.snaked, grid.orientation) == (4, 3, snaked, "horizontal")
    assert (grid.box_x_um, grid.box_y_um) == pytest.approx((20, 10))


def test_a_rotation_is_not_taken_for_a_grid(tmp_path):
    assert read_positions(master_of(demo_rotation(), tmp_path)) is None


grids = st.builds(
    Grid,
    steps_x=st.integers(1, 9),
    steps_y=st.integers(1, 9),
    box_x_um=st.floats(3, 60),
    box_y_um=st.floats(3, 60),
    snaked=st.booleans(),
    orientation=st.sampled_from(["horizontal", "vertical"]),
)


@given(grid=grids, tilt=st.floats(0, 2 * np.pi), mirrored=st.booleans(), seed=st.integers(0, 99))
def test_positions_read_back_with_noise_give_every_image_its_box(grid, tilt, mirrored, seed):
    assume(grid.n_boxes > 1)
    boxes = np.array([box_of(grid, image) for image in range(grid.n_boxes)])
    x_mm, y_mm = (boxes * (grid.box_x_um, grid.box_y_um) / 1000).T
    positions = np.stack([-x_mm if mirrored else x_mm, y_mm * np.cos(tilt), y_mm * np.sin(tilt)], axis=1)
    noise = np.random.default_rng(seed).uniform(-1e-4, 1e-4, positions.shape)

    found = grid_of(positions + noise)

    assert found is not None
    assert (found.steps_x, found.steps_y) == (grid.steps_x, grid.steps_y)
    assert [box_of(found, image) for image in range(found.n_boxes)] == [tuple(box) for box in boxes]


def test_images_taken_in_no_order_lie_on_no_grid():
    positions = np.random.default_rng(1).uniform(0, 0.1, (12, 3))
    assert grid_of(positions) is None


def test_images_taken_in_one_place_lie_on_no_grid():
    assert grid_of(np.ones((5, 3))) is None


@given(x=st.integers(1, 500), y=st.integers(1, 500))
def test_steps_are_columns_and_rows(x, y):
    assert Steps.parse(f"{x}x{y}") == Steps(x, y)


@pytest.mark.parametrize("text", ["", "20", "20x", "x20", "0x4", "-1x4", "4x4x4", "2.5x3"])
def test_other_words_are_no_steps(text):
    with pytest.raises(ValueError, match="COLUMNSxROWS"):
        Steps.parse(text)


def test_what_the_user_says_counts_more_than_what_the_file_says(tmp_path):
    scan = GridScan(steps_x=4, steps_y=3, detector=demo_grid().detector, beam=demo_grid().beam, crystals=())
    grid = known_grid(master_of(scan, tmp_path), 12, Steps(2, 6), snaked=True)
    assert grid == Grid(steps_x=2, steps_y=6, snaked=True)


def test_a_grid_with_too_few_boxes_is_refused(tmp_path):
    with pytest.raises(GridFault, match=r"3 x 2 = 6 boxes.*has 7 images: give --grid"):
        known_grid(tmp_path / "master.h5", 7, Steps(3, 2), snaked=False)


def test_a_master_that_says_fewer_positions_than_there_are_images_says_no_grid(tmp_path):
    scan = GridScan(steps_x=4, steps_y=3, detector=demo_grid().detector, beam=demo_grid().beam, crystals=())
    assert known_grid(master_of(scan, tmp_path), 13, None, snaked=False) is None

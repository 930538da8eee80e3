from dataclasses import replace

import numpy as np
import pytest

from simulator.demo import demo_grid
from simulator.grid import biggest_region
from simulator.sample import Beam, Ellipsoid, illuminated


def test_odd_rows_of_a_snaked_grid_are_collected_backwards(grid):
    columns, rows = grid.boxes.T

    assert rows.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert columns.tolist() == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4]


def test_rows_of_an_unsnaked_grid_all_run_forwards(grid):
    assert replace(grid, snaked=False).boxes[:, 0].tolist() == [0, 1, 2, 3, 4] * 3


def test_each_image_knows_where_it_was_taken(grid):
    omega, sam_x, sam_y = replace(grid, box_um=(20.0, 10.0)).axes

    assert omega.values.tolist() == [90]
    assert sam_x.values[5:10] == pytest.approx([0.09, 0.07, 0.05, 0.03, 0.01])
    assert sam_y.values[5:10] == pytest.approx([0.015] * 5)


def test_the_image_on_the_crystal_has_its_spots(grid):
    make = grid.prepare()
    brightest = [np.sort(image[image < 65535])[-200:].sum() for image in map(make, range(grid.n_images))]

    assert np.argmax(brightest) == 6  # column 3 of row 1, which runs backwards
    assert brightest[6] > 5 * brightest[0]


def test_images_depend_on_seed_and_number_alone(grid):
    first, again, other = (replace(grid, seed=seed).prepare() for seed in (1, 1, 2))

    first(0)
    assert np.array_equal(first(6), again(6))
    assert not np.array_equal(first(6), other(6))
    assert not np.array_equal(first(0), first(14))


def test_the_truth_is_the_middle_of_the_crystal(grid):
    truth = grid.truth()

    assert truth.centre_boxes == pytest.approx((3.5, 1.5), abs=0.5)
    assert truth.crystal_centres_boxes == ((3.5, 1.5),)


def test_the_truth_of_the_demonstration_is_near_its_big_crystal():
    grid = demo_grid()
    truth = grid.truth()

    assert grid.n_images == 400
    assert truth.region > 20
    assert np.hypot(*np.subtract(truth.centre_boxes, truth.crystal_centres_boxes[0])) < 0.5


def test_regions_join_across_corners_and_the_biggest_wins():
    scattering = np.zeros((5, 6))
    scattering[0, 0] = 10  # the maximum, alone
    scattering[2, 3] = scattering[3, 4] = scattering[4, 3] = 5  # half of it, joined by corners
    scattering[3, 1] = 4.9

    assert np.argwhere(biggest_region(scattering)).tolist() == [[2, 3], [3, 4], [4, 3]]


def test_an_empty_grid_has_no_centre(grid):
    with pytest.raises(ValueError, match="no crystal"):
        replace(grid, crystals=()).truth()


def test_a_grid_without_boxes_is_refused(grid):
    with pytest.raises(ValueError, match="0 x 3"):
        replace(grid, steps_x=0)


def test_an_ellipsoid_is_thickest_in_its_middle_and_turned_by_its_angle():
    solid = Ellipsoid((1.0, 1.0), (30.0, 10.0), angle=90)
    along_x, along_y = solid.thickness(np.array([40.0, 20.0]), np.array([20.0, 35.0]), (20.0, 20.0))

    assert solid.thickness(np.array(20.0), np.array(20.0), (20.0, 20.0)) == pytest.approx(1)
    assert along_x == 0
    assert along_y == pytest.approx(np.sqrt(1 - 0.25))


def test_a_bigger_beam_sees_more_around_and_less_in_the_middle():
    solid = Ellipsoid((5.0, 5.0), (20.0, 20.0))
    boxes = np.array([[5.0, 5.0], [7.0, 5.0]])
    small, big = (illuminated(solid, boxes, (20.0, 20.0), Beam(size_um=(size, size))) for size in (2.0, 40.0))

    assert small == pytest.approx([1, 0], abs=0.02)
    assert big[0] < small[0]
    assert big[1] > small[1]

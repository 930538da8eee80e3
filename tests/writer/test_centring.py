"""Centring against its definition: unsnaking by hand, regions by a naive flood fill."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from services.writer.centring import GridCounts, centre_grid, crystals_of, unsnake

ORIENTATIONS = ("horizontal", "vertical")


@st.composite
def grids(draw):
    steps_x, steps_y = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    n_boxes = steps_x * steps_y
    return GridCounts(
        steps_x=steps_x,
        steps_y=steps_y,
        snaked=draw(st.booleans()),
        orientation=draw(st.sampled_from(ORIENTATIONS)),
        counts=draw(st.lists(st.integers(0, 12), min_size=n_boxes, max_size=n_boxes)),
    )


def path(grid):
    """[x, y] of every image, as the motors go."""
    horizontal = grid.orientation == "horizontal"
    lines, steps = (grid.steps_y, grid.steps_x) if horizontal else (grid.steps_x, grid.steps_y)
    for line in range(lines):
        backwards = grid.snaked and line % 2
        for step in reversed(range(steps)) if backwards else range(steps):
            yield (step, line) if horizontal else (line, step)


def flood(boxes):
    """Regions of at least half the maximum, each a set of [x, y]."""
    waiting = {box for box, count in boxes.items() if count >= 0.5 * max(boxes.values()) > 0}
    while waiting:
        region, edge = set(), [waiting.pop()]
        while edge:
            x, y = edge.pop()
            region.add((x, y))
            touching = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & waiting
            waiting -= touching
            edge.extend(touching)
        yield region


def centre(counts, steps_x, steps_y, orientation="horizontal", *, snaked=False):
    return centre_grid(counts, steps_x, steps_y, snaked=snaked, orientation=orientation)


@given(grids())
def test_crystals_are_the_regions_of_a_flood_fill(grid):
    boxes = dict(zip(path(grid), grid.counts, strict=True))
    crystals = crystals_of(grid)

    expected = {
        (
            len(region),
            sum(boxes[box] for box in region),
            max(boxes[box] for box in region),
            tuple(np.mean(list(region), axis=0).round(9) + 0.5),
            (tuple(np.min(list(region), axis=0)), tuple(np.max(list(region), axis=0) + 1)),
        )
        for region in flood(boxes)
    }
    got = {
        (c.n_voxels, c.total_count, c.max_count, tuple(np.round(c.centre_of_mass, 9)), c.bounding_box) for c in crystals
    }
    assert {tuple(np.hstack([np.ravel(v) for v in e]).round(6)) for e in got} == {
        tuple(np.hstack([np.ravel(v) for v in e]).round(6)) for e in expected
    }
    assert all(boxes[c.max_voxel] == c.max_count for c in crystals)
    sizes = [(c.n_voxels, c.total_count) for c in crystals]
    assert sizes == sorted(sizes, reverse=True)


@given(grids())
def test_unsnaking_puts_every_image_where_the_motors_were(grid):
    boxes = unsnake(grid.counts, grid.steps_x, grid.steps_y, snaked=grid.snaked, orientation=grid.orientation)
    assert boxes.shape == (grid.steps_y, grid.steps_x)
    assert [boxes[y, x] for x, y in path(grid)] == list(grid.counts)


def test_a_horizontal_snake_runs_back_on_odd_rows():
    boxes = unsnake([1, 2, 3, 4, 5, 6], 3, 2, snaked=True, orientation="horizontal")
    assert boxes.tolist() == [[1, 2, 3], [6, 5, 4]]


def test_a_vertical_snake_runs_back_on_odd_columns():
    boxes = unsnake([1, 2, 3, 4, 5, 6], 3, 2, snaked=True, orientation="vertical")
    assert boxes.tolist() == [[1, 4, 5], [2, 3, 6]]


def test_a_vertical_scan_without_snaking_fills_columns():
    boxes = unsnake([1, 2, 3, 4, 5, 6], 3, 2, snaked=False, orientation="vertical")
    assert boxes.tolist() == [[1, 3, 5], [2, 4, 6]]


def test_the_counts_are_left_as_they_were():
    counts = np.arange(6.0)
    unsnake(counts, 3, 2, snaked=True, orientation="horizontal")
    assert counts.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_centre_of_a_single_box_is_half_a_box_from_its_corner(orientation):
    (crystal,) = centre([7], 1, 1, orientation)
    assert crystal.centre_of_mass == (0.5, 0.5)
    assert crystal.bounding_box == ((0, 0), (1, 1))


def test_every_field_of_a_crystal():
    counts = [
        *(0, 0, 0, 0, 0),
        *(0, 0, 9, 20, 0),
        *(0, 0, 12, 10, 0),
        *(0, 16, 0, 0, 0),
    ]
    (crystal,) = centre(counts, 5, 4)
    assert crystal.centre_of_mass == pytest.approx((2.25 + 0.5, 2.0 + 0.5))
    assert (crystal.n_voxels, crystal.total_count) == (4, 58)
    assert (crystal.max_voxel, crystal.max_count) == ((3, 1), 20)
    assert crystal.bounding_box == ((1, 1), (4, 4))


def test_the_centroid_is_not_weighted():
    (crystal,) = centre([100, 50, 50], 3, 1)
    assert crystal.centre_of_mass == (1.5, 0.5)


def test_half_the_maximum_belongs_to_the_crystal_and_less_does_not():
    (crystal,) = centre([10, 5, 4], 3, 1)
    assert crystal.n_voxels == 2


def test_the_biggest_region_comes_first_even_when_another_is_brighter():
    big, bright = centre([6, 7, 0, 10], 4, 1)
    assert (big.n_voxels, big.max_count) == (2, 7)
    assert (bright.n_voxels, bright.max_count) == (1, 10)


def test_of_two_regions_of_one_size_the_one_with_more_spots_comes_first():
    first, second = centre([6, 0, 10], 3, 1)
    assert (first.total_count, second.total_count) == (10, 6)


def test_a_grid_without_spots_has_no_crystal():
    assert centre([0] * 6, 3, 2) == []


def test_a_file_of_counts_is_read_and_null_counts_nothing():
    text = json.dumps({"steps_x": 3, "steps_y": 1, "snaked": False, "orientation": "vertical", "counts": [4, None, 2]})
    first, second = crystals_of(GridCounts.model_validate_json(text))
    assert (first.max_voxel, second.max_voxel) == ((0, 0), (2, 0))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"steps_x": 2, "steps_y": 2, "counts": [1, 2, 3]}', "there are 3 counts, but the grid has 2 x 2 = 4 boxes"),
        ('{"steps_x": 1, "steps_y": 2, "counts": [1, -2]}', r"counts.1\n.*greater than or equal to 0"),
        ('{"steps_x": 1, "steps_y": 1, "counts": ["many"]}', r"counts.0\n.*valid number"),
        ('{"steps_x": 1, "steps_y": 1, "counts": [NaN]}', r"counts.0\n.*(finite|valid) number"),
        ('{"steps_x": 0, "steps_y": 1, "counts": []}', r"steps_x\n.*greater than 0"),
        ('{"steps_x": 1, "counts": [1]}', r"steps_y\n.*Field required"),
        ('{"steps_x": 1, "steps_y": 1, "orientation": "diagonal", "counts": [1]}', "'horizontal' or 'vertical'"),
        ("steps_x = 1", "Invalid JSON"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(text, complaint):
    with pytest.raises(ValidationError, match=complaint):
        GridCounts.model_validate_json(text)


def test_counts_that_do_not_fill_the_grid_are_an_error():
    with pytest.raises(ValueError, match="reshape"):
        centre([1, 2, 3], 2, 2)

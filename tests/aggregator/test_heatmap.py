"""From the order of collection to the boxes of the crystal."""

import pytest

from services.aggregator.heatmap import box_of, lay_out
from shared.messages import Grid
from tests.aggregator.builders import GRID, fold_all, found, heard


@pytest.mark.parametrize(
    ("orientation", "snaked", "boxes"),
    [
        ("horizontal", False, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]),
        ("horizontal", True, [(0, 0), (1, 0), (2, 0), (2, 1), (1, 1), (0, 1)]),
        ("vertical", False, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]),
        ("vertical", True, [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1)]),
    ],
)
def test_images_lie_where_the_motors_took_them(orientation, snaked, boxes):
    grid = Grid(steps_x=3, steps_y=2, orientation=orientation, snaked=snaked)

    assert [box_of(grid, image) for image in range(6)] == boxes


def test_the_map_tells_found_failed_and_missing_images_apart():
    images = fold_all([heard(found({0: 7, 4: 9, 99: 1}, failed=(5,)))]).collections["i03/42"].images

    heat_map = lay_out(GRID, images)

    assert heat_map.counts == [7, None, None, None, None, None, None, 9, None, None, None, None]
    assert heat_map.images[4:8] == [8, 7, 6, 5]
    assert (heat_map.failed, heat_map.reasons) == ([6], ["not written within 25 s after it was due"])
    assert heat_map.max_count == 9

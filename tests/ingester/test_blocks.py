"""How a grid scan is cut into blocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from services.ingester.blocks import block_size, cut_blocks, image_wait_s
from services.ingester.settings import Settings
from shared.messages import Collection
from tests.announcements import GRIDSCAN

START = datetime(2026, 1, 1, tzinfo=UTC)


def grid(steps_x: int, steps_y: int, exposure_s: float) -> Collection:
    fields = {**GRIDSCAN, "visit_directory": "/data", "exposure_s": exposure_s, "number_of_images": steps_x * steps_y}
    return Collection.model_validate({**fields, "grid": {"steps_x": steps_x, "steps_y": steps_y}})


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.001, 10))
def test_every_image_is_in_exactly_one_block_in_order(steps_x, steps_y, exposure_s):
    blocks = list(cut_blocks(grid(steps_x, steps_y, exposure_s), START, Settings()))
    images = [i for block in blocks for i in range(block.first_image, block.first_image + block.n_images)]
    assert images == list(range(steps_x * steps_y))


@pytest.mark.parametrize(("exposure_s", "size"), [(0.1, 4), (0.01, 25), (0.002, 64), (5, 4)])
def test_blocks_cover_a_quarter_of_a_second_within_bounds(exposure_s, size):
    assert block_size(exposure_s, Settings()) == size


def test_the_wait_ends_some_time_after_the_last_image_was_due():
    assert image_wait_s(grid(10, 10, 0.1), 25) == 35


def test_a_block_says_how_long_it_may_wait_and_for_older_spot_finders_until_when():
    for block in cut_blocks(grid(10, 10, 0.1), START, Settings(image_grace_s=25)):
        assert (block.wait_s, block.deadline) == (35, START + timedelta(seconds=35))

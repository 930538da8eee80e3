"""How a grid scan is cut into blocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from services.ingester.blocks import block_size, cut_blocks, image_deadline
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


def test_the_deadline_counts_from_the_last_image_that_is_due():
    assert image_deadline(grid(10, 10, 0.1), START, 25) == START + timedelta(seconds=35)

"""From images in the order of collection to boxes in space. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.aggregator.record import ImageResult
from shared.messages import Grid


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A grid scan as it lies on the crystal: lists of ``steps_y`` rows of ``steps_x`` boxes, from the top left.

    Attributes:
        images: number of each box's image, counted from 1 as users and ISPyB do.
        counts: spots, shape (steps_y * steps_x,); None where there is no result.
        counts_no_ice: spots away from ice rings, likewise.
        d_min_A: estimated resolution limit [Å]; None where unknown.
        failed: index of each box whose image failed.
        reasons: why, in the order of ``failed``.
    """

    steps_x: int
    steps_y: int
    box_x_um: float
    box_y_um: float
    images: list[int]
    counts: list[int | None]
    counts_no_ice: list[int | None]
    d_min_A: list[float | None]
    failed: list[int]
    reasons: list[str]

    @property
    def max_count(self) -> int:
        """The most spots in one box."""
        return max((count for count in self.counts if count is not None), default=0)


def box_of(grid: Grid, image: int) -> tuple[int, int]:
    """Box (x, y) of a 0-based image; boxes count from 0 at the top left, x to the right, y downwards."""
    steps_fast = grid.steps_x if grid.orientation == "horizontal" else grid.steps_y
    slow, fast = divmod(image, steps_fast)
    if grid.snaked and slow % 2:
        fast = steps_fast - 1 - fast
    return (fast, slow) if grid.orientation == "horizontal" else (slow, fast)


def lay_out(grid: Grid, images: Mapping[int, ImageResult]) -> HeatMap:
    """Put every image where it was taken; images beyond the grid are left out."""
    number = [0] * grid.n_boxes
    result: list[ImageResult | None] = [None] * grid.n_boxes
    for image in range(grid.n_boxes):
        x, y = box_of(grid, image)
        number[y * grid.steps_x + x] = image + 1
        result[y * grid.steps_x + x] = images.get(image)
    failed = [i for i, r in enumerate(result) if r and not r.found]
    return HeatMap(
        steps_x=grid.steps_x,
        steps_y=grid.steps_y,
        box_x_um=grid.box_x_um,
        box_y_um=grid.box_y_um,
        images=number,
        counts=[r.n_spots if r and r.found else None for r in result],
        counts_no_ice=[r.n_spots_no_ice if r and r.found else None for r in result],
        d_min_A=[r.d_min_A if r else None for r in result],
        failed=failed,
        reasons=[(r.failure or "") if (r := result[i]) else "" for i in failed],
    )

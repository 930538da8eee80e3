"""Where the crystals of a grid scan are: spot counts in, connected regions out."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, NonNegativeFloat, model_validator
from scipy import ndimage

from shared.messages import Crystal, Grid

Orientation = Literal["horizontal", "vertical"]
Count = Annotated[NonNegativeFloat, Field(allow_inf_nan=False)]
THRESHOLD = 0.5
"""A box belongs to a crystal from this fraction of the best box's count on."""
TOUCHING = np.ones((3, 3), np.int8)
"""Boxes that share an edge or a corner are connected."""


class GridCounts(Grid):
    """A grid scan and its spot counts, as a JSON file says it."""

    counts: tuple[Count | None, ...] = Field(description="spots per image in collection order; null: no result")

    @model_validator(mode="after")
    def _one_count_per_box(self) -> Self:
        if len(self.counts) != self.n_boxes:
            grid = f"{self.steps_x} x {self.steps_y} = {self.n_boxes}"
            raise ValueError(f"there are {len(self.counts)} counts, but the grid has {grid} boxes")
        return self


def crystals_of(grid: GridCounts) -> list[Crystal]:
    """The crystals of a grid, biggest first; an image without result counts 0."""
    counts = [count or 0 for count in grid.counts]
    return centre_grid(counts, grid.steps_x, grid.steps_y, snaked=grid.snaked, orientation=grid.orientation)


def centre_grid(
    counts: ArrayLike, steps_x: int, steps_y: int, *, snaked: bool, orientation: Orientation
) -> list[Crystal]:
    """Connected regions of boxes with at least half the spots of the best box.

    Args:
        counts: spots per image in collection order, shape (steps_x * steps_y,); 0 for an image without result.
        steps_x: boxes along x.
        steps_y: boxes along y.
        snaked: whether every second line was scanned backwards.
        orientation: direction of the fast motion.

    Returns:
        The region with the most boxes first, of equal ones that with the most spots; empty if no image has a spot.

    Raises:
        ValueError: another number of counts than boxes.

    Source: the two-dimensional X-ray centring of the beamlines' existing analysis, whose conventions are kept: half
    the maximum, corners touch, unweighted centroid, the centre of the first box at 0.5.
    """
    boxes = unsnake(counts, steps_x, steps_y, snaked=snaked, orientation=orientation)
    if not (maximum := boxes.max()) > 0:
        return []
    labels, _ = ndimage.label(boxes >= THRESHOLD * maximum, TOUCHING)
    regions = enumerate(ndimage.find_objects(labels), start=1)
    crystals = [_measure(boxes[window], labels[window] == label, window) for label, window in regions]
    return sorted(crystals, key=lambda crystal: (-crystal.n_voxels, -crystal.total_count))


def unsnake(
    counts: ArrayLike, steps_x: int, steps_y: int, *, snaked: bool, orientation: Orientation
) -> NDArray[np.float64]:
    """Counts in collection order, shape (steps_x * steps_y,), to counts by row and column, shape (steps_y, steps_x)."""
    n_lines, n_steps = (steps_y, steps_x) if orientation == "horizontal" else (steps_x, steps_y)
    lines = np.array(counts, np.float64).reshape(n_lines, n_steps)
    if snaked:
        lines[1::2] = lines[1::2, ::-1].copy()
    return lines if orientation == "horizontal" else lines.T


def _measure(boxes: NDArray[np.float64], inside: NDArray[np.bool_], window: tuple[slice, ...]) -> Crystal:
    """One region: counts and membership within its bounding window, both of the window's shape."""
    (y0, y1), (x0, x1) = ((side.start, side.stop) for side in window)
    y, x = np.nonzero(inside)
    counts = boxes[y, x]
    best = int(np.argmax(counts))
    return Crystal(
        centre_of_mass=(x0 + float(x.mean()) + 0.5, y0 + float(y.mean()) + 0.5),
        max_voxel=(x0 + int(x[best]), y0 + int(y[best])),
        max_count=float(counts[best]),
        n_voxels=len(counts),
        total_count=float(counts.sum()),
        bounding_box=((x0, y0), (x1, y1)),
    )

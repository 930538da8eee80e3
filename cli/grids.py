"""The grid on which the images of a file were taken: as its master says, or as the user does."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.aggregator.heatmap import HeatMap, box_of, lay_out
from services.aggregator.record import ImageResult
from services.spotfinder.analysis import ImageReport
from services.spotfinder.images.positions import read_positions
from services.writer.centring import GridCounts, crystals_of
from shared.messages import Crystal, Grid, now

SAME_UM: Final = 0.5
"""Positions closer than this are one: no beam is so small, and motors are read back with some noise."""


class GridFault(Exception):  # noqa: N818 - reads as what it is
    """No grid is known, or not one of that many images; the message says what to do."""


class Steps(NamedTuple):
    """Boxes along x and y."""

    x: int
    y: int

    @classmethod
    def parse(cls, text: str) -> "Steps":
        """Of columns and rows, such as 20x15.

        Raises:
            ValueError: if that is not what it is.
        """
        columns, _, rows = text.partition("x")
        if not (columns.isdecimal() and rows.isdecimal() and int(columns) and int(rows)):
            raise ValueError(f"{text!r} is not COLUMNSxROWS, such as 20x15")
        return cls(int(columns), int(rows))


def known_grid(file: Path, n_images: int, steps: Steps | None, *, snaked: bool) -> Grid | None:
    """The grid of a file's images: what the user says, or else what the file says; None if neither says one.

    Raises:
        GridFault: if the user's grid has fewer boxes than there are images, or there is none to be snaked.
        ImageNotReady, ImageUnreadable: if the file cannot be opened.
    """
    if steps is None:
        if snaked:
            raise GridFault("--snaked goes with --grid COLUMNSxROWS")
        positions = read_positions(file)
        return None if positions is None or len(positions) < n_images else grid_of(positions)
    if steps.x * steps.y < n_images:
        boxes = f"{steps.x} x {steps.y} = {steps.x * steps.y} boxes"
        raise GridFault(f"the grid has {boxes}, {file} has {n_images} images: give --grid COLUMNSxROWS that holds them")
    return Grid(steps_x=steps.x, steps_y=steps.y, snaked=snaked)


def heat_map_of(grid: Grid, reports: Iterable[ImageReport]) -> HeatMap:
    """The reports, each in the box where its image was taken."""
    return lay_out(grid, {report.image: _result(report) for report in reports})


def crystals_on(grid: Grid, reports: Iterable[ImageReport]) -> list[Crystal]:
    """The crystals of a grid, biggest first."""
    counts: list[int | None] = [None] * grid.n_boxes
    for report in reports:
        counts[report.image] = report.analysis and report.analysis.n_spots_total
    return crystals_of(GridCounts.model_validate({**grid.model_dump(), "counts": counts}))


def _result(report: ImageReport) -> ImageResult:
    if report.analysis is None:
        return ImageResult(found=False, at=now(), failure=report.failure)
    found = report.analysis
    return ImageResult(
        found=True,
        at=now(),
        n_spots=found.n_spots_total,
        n_spots_no_ice=found.n_spots_no_ice,
        d_min_A=found.estimated_d_min,
    )


def grid_of(positions_mm: NDArray[np.float64]) -> Grid | None:
    """The grid on which images were taken line by line from a corner; None if they do not lie on one.

    Args:
        positions_mm: of the sample at each image in the order of collection, shape (n_images, 3), x horizontal.
    """
    x_um, y_um = 1000 * np.abs(_in_plane(positions_mm - positions_mm[0]))
    (steps_x, box_x_um), (steps_y, box_y_um) = _line(x_um), _line(y_um)
    if steps_x * steps_y == 1:
        return None
    box_x_um, box_y_um = box_x_um or box_y_um, box_y_um or box_x_um
    boxes = np.rint(np.stack([x_um / box_x_um, y_um / box_y_um], axis=1))
    for orientation in ("horizontal", "vertical"):
        for snaked in (False, True):
            shape = {"steps_x": steps_x, "steps_y": steps_y, "box_x_um": box_x_um, "box_y_um": box_y_um}
            grid = Grid.model_validate({**shape, "orientation": orientation, "snaked": snaked})
            if grid.n_boxes == len(boxes) and _is_taken_on(grid, boxes):
                return grid
    return None


def _in_plane(shifts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shifts along the horizontal and across it, where the goniometer may have turned their direction."""
    across = shifts[:, 1:]
    farthest = across[np.argmax(np.linalg.norm(across, axis=1))]
    return shifts[:, 0], across @ (farthest / (np.linalg.norm(farthest) or 1))


def _line(distances_um: NDArray[np.float64]) -> tuple[int, float]:
    """Number of steps, and the length of one; 0 if there is one step."""
    gaps = np.diff(np.unique(distances_um), prepend=0.0)
    n_gaps = int(np.count_nonzero(gaps > max(SAME_UM, gaps.max() / 2)))
    return 1 + n_gaps, float(distances_um.max()) / n_gaps if n_gaps else 0.0


def _is_taken_on(grid: Grid, boxes: NDArray[np.float64]) -> bool:
    return all(box_of(grid, image) == (x, y) for image, (x, y) in enumerate(boxes))

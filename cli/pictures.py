"""The pictures that `mxmesh find-spots` saves. Matplotlib is imported when one is drawn: it takes a while."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.grids import crystals_on, heat_map_of
from services.spotfinder.analysis import ImageReport
from services.spotfinder.finder import DEFAULTS, Parameters, SpotFinder
from services.spotfinder.images import OpenFiles, open_images, read
from services.spotfinder.per_image_analysis import describe_spots
from services.spotfinder.resolution import in_ice_ring
from services.spotfinder.untrusted import NOTHING, Untrusted
from shared.messages import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cli.plots.image import FoundSpots

FORMATS: Final = (".png", ".pdf", ".svg")


class PictureFault(Exception):  # noqa: N818 - reads as what it is
    """A picture cannot be drawn or saved; the message says what to do."""


def check_picture(path: Path) -> None:
    """Notice before the work what would spoil it afterwards.

    Raises:
        PictureFault: if no picture can be saved there.
    """
    if path.suffix not in FORMATS:
        raise PictureFault(f"{path}: pictures are {', '.join(FORMATS)}; choose a name that ends so")
    if not path.parent.is_dir():
        raise PictureFault(f"{path.parent} is no folder: make it, or choose another place")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise PictureFault(f"{path} cannot be written: choose another place")


def plot_image(
    file: Path, image: int, picture: Path, parameters: Parameters = DEFAULTS, untrusted: Untrusted = NOTHING
) -> None:
    """Find the spots of one image once more, and draw it with them.

    Raises:
        PictureFault: if the picture cannot be saved.
        ImageNotReady, ImageUnreadable: if the image cannot be read.
    """
    from cli.plots.image import draw_image  # noqa: PLC0415 - see the module

    _save(draw_image(_found_spots(file, image, parameters, untrusted)), picture)


def plot_grid(file: Path, grid: Grid, reports: Sequence[ImageReport], picture: Path) -> None:
    """Draw the heat map of a grid scan.

    Raises:
        PictureFault: if the picture cannot be saved.
    """
    from cli.plots.heatmap import draw_heat_map  # noqa: PLC0415 - see the module

    n_found = sum(report.analysis is not None for report in reports)
    title = f"{file.name}\n{n_found} of {grid.n_boxes} images analysed, {len(reports) - n_found} failed"
    if n_found:
        title += f" · most spots in image {best_image(reports)} (the first is 0)"
    _save(draw_heat_map(heat_map_of(grid, reports), crystals_on(grid, reports), title), picture)


def best_image(reports: Sequence[ImageReport], wanted: int | None = None) -> int:
    """The image that is wanted, or else the one with the most spots, of equal ones the first.

    Raises:
        PictureFault: if there is none.
    """
    n_spots = {
        report.image: report.analysis.n_spots_total
        for report in reports
        if report.analysis and wanted in (None, report.image)
    }
    if not n_spots:
        raise PictureFault("there is nothing to draw: no image could be analysed")
    return max(n_spots, key=n_spots.__getitem__)


def _found_spots(file: Path, image: int, parameters: Parameters, untrusted: Untrusted) -> "FoundSpots":
    from cli.plots.image import FoundSpots  # noqa: PLC0415 - see the module

    source = open_images(file, OpenFiles(limit=8))
    pixels = read(source, image)
    mask = untrusted.exclude_from(source.mask)
    spots = SpotFinder(mask, source.detector.saturation).find_spots(pixels, parameters)
    d = source.detector.d_spacings(spots.x, spots.y)
    counted = d <= parameters.d_max
    return FoundSpots(
        title=f"{file.name}, image {image} (the first is 0)",
        pixels=pixels,
        valid=mask & (pixels < source.detector.saturation),
        detector=source.detector,
        spots=spots.select(counted),
        is_ice=in_ice_ring(d[counted], parameters.ice_ring_width),
        analysis=describe_spots(spots, d, parameters),
    )


def _save(figure: "Figure", picture: Path) -> None:
    try:
        figure.savefig(picture)
    except OSError as error:
        raise PictureFault(f"{picture} cannot be written: {error}") from error

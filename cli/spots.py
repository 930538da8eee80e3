"""`mxmesh find-spots`: the spot finder on a file, without a mesh."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.beamline import progress
from cli.console import JsonOption, err, explained, out, print_json, tell
from cli.grids import GridFault, Steps, heat_map_of, known_grid
from cli.pictures import PictureFault, best_image, check_picture, plot_grid, plot_image
from cli.plots.blocks import in_characters
from cli.untrusted import CirclesOption, MaskOption, RectanglesOption, untrusted_of
from services.spotfinder.analysis import ImageReport, analyse_available, count_images
from services.spotfinder.images import ImageNotReady, ImageUnreadable
from services.spotfinder.untrusted import Untrusted
from shared.messages import Grid

COLUMNS = {
    "image": ("image", "d"),
    "n_spots_total": ("spots", "d"),
    "n_spots_no_ice": ("no ice", "d"),
    "n_spots_4A": ("d > 4 Å", "d"),
    "total_intensity": ("intensity [counts]", ".0f"),
    "estimated_d_min": ("d_min [Å]", ".2f"),
}
FAULTS = (ImageNotReady, ImageUnreadable, GridFault, PictureFault)

ImageOption = Annotated[
    int | None, typer.Option(min=0, help="Only this image, counted from 0. With --heatmap: plot this one, analyse all.")
]
PlotOption = Annotated[
    Path | None,
    typer.Option(help="Draw the image of --image, or else the one with most spots: .png, .pdf or .svg.", metavar="OUT"),
]
HeatMapOption = Annotated[
    Path | None, typer.Option("--heatmap", help="Draw the grid scan: .png, .pdf or .svg.", metavar="OUT")
]
GridOption = Annotated[
    Steps | None,
    typer.Option(parser=Steps.parse, metavar="COLUMNSxROWS", help="The grid's boxes, where the file does not say."),
]
SnakedOption = Annotated[bool, typer.Option("--snaked", help="Every second line of --grid was scanned backwards.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes; default: one per core.")]


def find_spots(
    file: Annotated[Path, typer.Argument(help="NXmx or DECTRIS master, CBF image, or template: 'grid_1_####.cbf'.")],
    image: ImageOption = None,
    plot: PlotOption = None,
    heatmap: HeatMapOption = None,
    grid: GridOption = None,
    snaked: SnakedOption = False,
    mask: MaskOption = None,
    untrusted_rectangle: RectanglesOption = None,
    untrusted_circle: CirclesOption = None,
    workers: WorkersOption = cpu_count() or 1,
    as_json: JsonOption = False,
) -> None:
    """Count the spots of every image as DIALS' per-image analysis does; image numbers count from 0.

    With --json one object per line and image: n_spots_total, n_spots_no_ice (outside ice rings), n_spots_4A (d > 4 Å);
    total_intensity [counts]; estimated_d_min, d_min_distl_method_1, d_min_distl_method_2 [Å] and noisiness_method_1,
    noisiness_method_2 (0 is good, 1 is bad), null with too few spots; or, in place of all these, failure: the reason.
    Exit status 1 if an image could not be analysed.

    Examples:

        mxmesh find-spots thau_3_2_master.h5

        mxmesh find-spots thau_3_2_master.h5 --plot best.png --heatmap grid.png

        mxmesh find-spots old_grid_master.h5 --grid 20x15 --snaked --heatmap grid.png

        mxmesh find-spots thau_3_2_master.h5 --workers 8 --json | jq .n_spots_total

        mxmesh find-spots 'thau_1_####.cbf' --untrusted-circle 1230,1281,40 --mask bad_pixels.tif
    """
    untrusted = untrusted_of(mask, untrusted_rectangle, untrusted_circle)
    with explained(*FAULTS):
        n_images = count_images(str(file))
        boxes = known_grid(file, n_images, grid, snaked=snaked)
        _check_image(file, image, n_images)
        _check_pictures(file, boxes, plot, heatmap)
    images = range(n_images) if image is None or heatmap else [image]
    reports = _analyse(file, images, untrusted, workers, as_json)
    if not as_json:
        _show(reports, boxes if len(reports) == n_images else None)
    failed = _tell_failures(reports)
    with explained(*FAULTS):
        if plot:
            plot_image(file, best_image(reports, image), plot, untrusted=untrusted)
        if heatmap and boxes:
            plot_grid(file, boxes, reports, heatmap)
    if failed:
        raise typer.Exit(1)


def _check_image(file: Path, image: int | None, n_images: int) -> None:
    if image is not None and image >= n_images:
        raise ImageUnreadable(f"{file} has no image {image}: choose one from 0 to {n_images - 1}")


def _check_pictures(file: Path, boxes: Grid | None, plot: Path | None, heatmap: Path | None) -> None:
    """Notice before the work what would spoil it afterwards."""
    for picture in filter(None, (plot, heatmap)):
        check_picture(picture)
    if heatmap and not boxes:
        raise GridFault(f"{file} does not say on which grid it was taken: give --grid COLUMNSxROWS")


def _analyse(file: Path, images: Sequence[int], untrusted: Untrusted, workers: int, as_json: bool) -> list[ImageReport]:
    """Report on the images behind a progress bar; as JSON at once, image by image."""
    reports: list[ImageReport] = []
    with progress() as bars:
        bar = bars.add_task(file.name, total=len(images))
        for report in _reports(str(file), images, untrusted, workers):
            bars.advance(bar)
            reports.append(report)
            if as_json:
                print_json(_record(report))
    return reports


def _reports(file: str, images: Sequence[int], untrusted: Untrusted, workers: int) -> Iterator[ImageReport]:
    workers = min(workers, len(images))
    if workers <= 1:
        yield from map(partial(_report, file, untrusted), images)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(partial(_report, file, untrusted), images)


def _report(file: str, untrusted: Untrusted, image: int) -> ImageReport:
    reports = analyse_available(file, [image], untrusted=untrusted)
    return reports[0] if reports else ImageReport(image=image, failure="not written yet")


def _record(report: ImageReport) -> dict[str, object]:
    """Everything that is known of an image, by the names of ``ImageAnalysis``."""
    figures: dict[str, object] = {"failure": report.failure} if report.failure else report.figures()
    return {"image": report.image, **figures}


def _show(reports: Sequence[ImageReport], boxes: Grid | None) -> None:
    table = Table()
    for heading, _ in COLUMNS.values():
        table.add_column(escape(heading), justify="right")
    for report in reports:
        table.add_row(*_cells(report))
    out.print(table)
    if boxes:
        out.print(in_characters(heat_map_of(boxes, reports), out.width))


def _cells(report: ImageReport) -> list[str]:
    if report.failure:
        return [str(report.image), "[red]failed[/]"]
    record = _record(report)
    return ["" if record[name] is None else format(record[name], how) for name, (_, how) in COLUMNS.items()]


def _tell_failures(reports: Sequence[ImageReport]) -> bool:
    """Say what failed and why; whether anything did."""
    failed = [report for report in reports if report.failure]
    for report in failed:
        tell(f"image {report.image}: {escape(report.failure)}")
    if failed:
        err.print(f"{len(failed)} of {len(reports)} images could not be analysed")
    return bool(failed)

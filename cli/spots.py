"""`mxmesh find-spots`: the spot finder on a file, without a mesh."""

from collections.abc import Iterator
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
from cli.console import JsonOption, err, explained, out, print_json
from services.spotfinder.analysis import ImageReport, analyse_available, count_images
from services.spotfinder.images import ImageNotReady, ImageUnreadable

COLUMNS = ("image", "n_spots_total", "n_spots_no_ice", "n_spots_4A", "total_intensity", "estimated_d_min")
HEADINGS = ("image", "spots", "no ice", "d > 4 Å", "intensity [counts]", "d_min [Å]")


def find_spots(
    file: Annotated[Path, typer.Argument(help="NXmx or DECTRIS master file, or a CBF image.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes; default: one per core.")] = cpu_count() or 1,
    as_json: JsonOption = False,
) -> None:
    """Count the spots of every image as DIALS' per-image analysis does; image numbers count from 0.

    With --json one JSON object per line and image. Exit status 1 if an image could not be analysed.

    Examples:

        mxmesh find-spots thau_3_2_master.h5

        mxmesh find-spots thau_3_2_master.h5 --workers 8 --json | jq .n_spots_total
    """
    with explained(ImageNotReady, ImageUnreadable):
        n_images = count_images(str(file))
    table = Table(*map(escape, HEADINGS))
    n_failed = 0
    with progress() as bars:
        bar = bars.add_task(file.name, total=n_images)
        for report in _reports(str(file), n_images, workers):
            bars.advance(bar)
            n_failed += bool(report.failure)
            if as_json:
                print_json(_line(report))
            else:
                table.add_row(*_cells(report))
    if not as_json:
        out.print(table)
    if n_failed:
        err.print(f"{n_failed} of {n_images} images could not be analysed")
        raise typer.Exit(1)


def _reports(file: str, n_images: int, workers: int) -> Iterator[ImageReport]:
    if workers == 1:
        yield from map(partial(_report, file), range(n_images))
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(partial(_report, file), range(n_images))


def _report(file: str, image: int) -> ImageReport:
    reports = analyse_available(file, [image])
    return reports[0] if reports else ImageReport(image=image, failure="not written yet")


def _line(report: ImageReport) -> dict[str, object]:
    if report.failure:
        return {"image": report.image, "failure": report.failure}
    return {name: {"image": report.image, **report.figures()}[name] for name in COLUMNS}


def _cells(report: ImageReport) -> list[str]:
    line = _line(report)
    if report.failure:
        return [str(report.image), f"[red]{report.failure}[/]"]
    return [
        "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value) for value in line.values()
    ]

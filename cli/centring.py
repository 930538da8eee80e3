"""`mxmesh centre`: find the crystals of a grid from its spot counts, without a mesh."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from cli.console import JsonOption, err, explained, out, print_json
from services.writer.centring import GridCounts, crystals_of


def centre(
    file: Annotated[Path, typer.Argument(help="JSON file; - reads standard input.")], as_json: JsonOption = False
) -> None:
    """Find the centre of the biggest crystal: half the maximum, 8-connected, unweighted centroid.

    FILE holds {"steps_x", "steps_y", "snaked", "orientation", "counts": [...]}, counts in collection order.
    Prints the biggest crystal; centres in boxes, the centre of the first box is 0.5, 0.5. Exit status 1: no crystal.

    Example: echo '{"steps_x":2,"steps_y":2,"counts":[0,1,0,5]}' | mxmesh centre - --json
    """
    with explained(OSError, ValidationError):
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        crystals = crystals_of(GridCounts.model_validate_json(text))
    if as_json:
        print_json(crystals[0].model_dump(mode="json") if crystals else None)
    else:
        table = Table(escape("centre x, y [boxes]"), "boxes", "spots", "best box x, y", "its spots")
        for c in crystals:
            x, y = c.centre_of_mass
            table.add_row(
                f"{x:.2f}, {y:.2f}", str(c.n_voxels), f"{c.total_count:g}", str(c.max_voxel), f"{c.max_count:g}"
            )
        out.print(table)
    if not crystals:
        err.print("no crystal: every count is 0")
        raise typer.Exit(1)

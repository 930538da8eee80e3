"""The options of `mxmesh find-spots` that name regions without spots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.spotfinder.untrusted import Untrusted

MaskOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Mask: .npy, HDF5, or an image that fabio reads; 0 (or true, in a mask of truth values) is a valid pixel.",
    ),
]
RectanglesOption = Annotated[
    list[str] | None,
    typer.Option("--untrusted-rectangle", metavar="X0,X1,Y0,Y1", help="Leave out these pixels, X1 and Y1 excluded."),
]
CirclesOption = Annotated[
    list[str] | None,
    typer.Option("--untrusted-circle", metavar="X,Y,R", help="Leave out pixels nearer to X, Y than R: the beamstop."),
]


def untrusted_of(mask: Path | None, rectangles: Sequence[str] | None, circles: Sequence[str] | None) -> Untrusted:
    """The regions that the options name.

    Raises:
        typer.BadParameter: if one does not consist of numbers as it should.
    """
    return Untrusted(
        rectangles=tuple(map(_rectangle, rectangles or ())),
        circles=tuple(map(_circle, circles or ())),
        mask_file=mask,
    )


def _rectangle(text: str) -> tuple[int, int, int, int]:
    try:
        x0, x1, y0, y1 = map(int, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: give four whole numbers, such as 100,200,0,50") from error
    return x0, x1, y0, y1


def _circle(text: str) -> tuple[float, float, float]:
    try:
        x, y, radius = map(float, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: give three numbers, such as 1230,1281,40") from error
    return x, y, radius

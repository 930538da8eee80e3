"""What an operator knows to be no signal: the shadow of the beamstop, a bad module, a mask drawn by hand."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.spotfinder.images import ImageUnreadable, read_mask_file

Mask = NDArray[np.bool_]
Rectangle = tuple[int, int, int, int]
Circle = tuple[float, float, float]
Polygon = tuple[tuple[float, float], ...]

MOSTLY = 0.9  # of all pixels; a mask file that leaves fewer has its values the other way round


@dataclass(frozen=True)
class Untrusted:
    """Regions of the detector without spots; DIALS' ``untrusted`` regions, and the same pixels.

    All coordinates are fast, slow [px], and pixels count from 0.

    Attributes:
        rectangles: x0, x1, y0, y1; x0 and y0 belong to it, x1 and y1 do not.
        circles: x, y of the centre and radius; a pixel belongs to it whose indices are nearer than the radius.
        polygons: corners; a pixel belongs to it whose centre (indices plus a half) lies within, by the even-odd rule.
        mask_file: see ``read_mask_file``; None: no file.
    """

    rectangles: tuple[Rectangle, ...] = ()
    circles: tuple[Circle, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    mask_file: Path | None = None

    def exclude_from(self, mask: Mask) -> Mask:
        """The mask (``[slow, fast]``, True for a valid pixel) without these regions; the same one if there are none.

        Raises:
            ImageUnreadable: if a region leaves the image, or the mask file cannot be used.
        """
        if self == NOTHING:
            return mask
        mask = mask.copy()
        if self.mask_file:
            mask &= _mask_of_file(self.mask_file, mask.shape)
        for rectangle in self.rectangles:
            _exclude_rectangle(rectangle, mask)
        for circle in self.circles:
            _exclude_circle(circle, mask)
        for polygon in self.polygons:
            _exclude_polygon(polygon, mask)
        return mask


NOTHING = Untrusted()


def _mask_of_file(path: Path, shape: tuple[int, ...]) -> Mask:
    valid = read_mask_file(path)
    if valid.shape != shape:
        raise ImageUnreadable(f"mask file {path} has {valid.shape} pixels, the image {shape}")
    untrusted = 1 - valid.mean()
    if untrusted > MOSTLY:
        raise ImageUnreadable(f"mask file {path} excludes {untrusted:.0%} of the image: is it the wrong way round?")
    return valid


def _exclude_rectangle(rectangle: Rectangle, mask: Mask) -> None:
    x0, x1, y0, y1 = rectangle
    height, width = mask.shape
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise _outside("rectangle x0, x1, y0, y1", rectangle, mask)
    mask[y0:y1, x0:x1] = False


def _exclude_circle(circle: Circle, mask: Mask) -> None:
    x_centre, y_centre, radius = circle
    window = _window((x_centre - radius, x_centre + radius), (y_centre - radius, y_centre + radius), mask)
    y, x = np.ogrid[window]
    if not (radius > 0 and mask[window].size):
        raise _outside("circle x, y, radius", circle, mask)
    mask[window] &= (x - x_centre) ** 2 + (y - y_centre) ** 2 >= radius**2


def _exclude_polygon(polygon: Polygon, mask: Mask) -> None:
    xs, ys = zip(*polygon, strict=True)
    window = _window((min(xs), max(xs)), (min(ys), max(ys)), mask)
    if not mask[window].size:
        raise _outside("polygon", polygon, mask)
    y, x = np.ogrid[window]
    x, y = x + 0.5, y + 0.5
    inside = np.zeros(mask[window].shape, np.bool_)
    for (x0, y0), (x1, y1) in _edges(polygon):
        inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    mask[window] &= ~inside


def _edges(polygon: Polygon) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """From each corner to the one before, but for those along a row, which no row crosses."""
    corners = zip(polygon, polygon[-1:] + polygon[:-1], strict=True)
    return ((here, before) for here, before in corners if here[1] != before[1])


def _window(x: tuple[float, float], y: tuple[float, float], mask: Mask) -> tuple[slice, slice]:
    """The part of the image from the lowest to the highest of these coordinates."""
    (x_low, x_high), (y_low, y_high) = x, y
    height, width = mask.shape
    return _span(y_low, y_high, height), _span(x_low, x_high, width)


def _span(low: float, high: float, size: int) -> slice:
    return slice(min(max(math.floor(low), 0), size), min(max(math.ceil(high) + 1, 0), size))


def _outside(kind: str, region: object, mask: Mask) -> ImageUnreadable:
    height, width = mask.shape
    return ImageUnreadable(f"untrusted {kind} = {region} is not within the image of {width} x {height} pixels")

"""One image, its spots and its resolution, as a figure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse, Patch
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from cli.plots.rings import choose_rings
from services.spotfinder.per_image_analysis import ImageAnalysis
from services.spotfinder.pixels import Pixels
from services.spotfinder.resolution import Detector
from services.spotfinder.spots import Spots

LONG_SIDE_PX: Final = 1500
SIDE_INCHES, DPI = 9.5, 160
NOT_VALID, ORDINARY, ICE, RING, BEAM = "#c8d3de", "#d9480f", "#1864d6", "#2b8a3e", "#c2255c"


@dataclass(frozen=True)
class FoundSpots:
    """An image, and what was found in it.

    Attributes:
        title: what the image is called.
        pixels: ``[slow, fast]`` [counts].
        valid: of the same shape, False for a pixel that is masked or not trusted.
        detector: that took it.
        spots: those that count.
        is_ice: which of them lie in an ice ring.
        analysis: the image's figures.
    """

    title: str
    pixels: Pixels
    valid: NDArray[np.bool_]
    detector: Detector
    spots: Spots
    is_ice: NDArray[np.bool_]
    analysis: ImageAnalysis


def draw_image(found: FoundSpots) -> Figure:
    """The image in logarithmic grey, its spots in circles, rings of equal resolution, and the beam centre."""
    slow, fast = found.pixels.shape
    scale = SIDE_INCHES / max(slow, fast)
    figure = Figure(figsize=(max(fast * scale, 6.5) + 1.5, slow * scale + 1.3), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    shown = _draw_pixels(axes, found)
    _draw_rings(axes, found.detector, (slow, fast))
    _draw_spots(axes, found)
    axes.set(xlim=(0, fast), ylim=(slow, 0), xlabel="fast [px]", ylabel="slow [px]")
    axes.set_title(f"{found.title}\n{describe(found)}", fontsize=11)
    ticks = LogLocator(subs=(1, 2, 5))
    bar = figure.colorbar(
        shown, label="counts", shrink=0.7, aspect=40, pad=0.01, extend="both", ticks=ticks, format="%g"
    )
    bar.minorticks_off()
    figure.legend(handles=_legend(axes), loc="outside lower center", ncols=5, frameon=False, fontsize=10)
    return figure


def describe(found: FoundSpots) -> str:
    """The image's figures in a line."""
    a, detector = found.analysis, found.detector
    limit = f"d_min {a.estimated_d_min:.2f} Å" if a.estimated_d_min else "too few spots for d_min"
    optics = f"{detector.distance_mm:.1f} mm, {detector.wavelength_angstrom:.5f} Å"
    return f"{a.n_spots_total} spots, {a.n_spots_no_ice} outside ice rings · {limit} · {optics}"


def bin_by_maximum(pixels: Pixels, valid: NDArray[np.bool_], factor: int) -> NDArray[np.float32]:
    """The highest valid count of each square of ``factor`` by ``factor`` pixels, so that no spot is lost.

    Args:
        pixels: ``[slow, fast]`` [counts].
        valid: of the same shape.
        factor: side of a square [px]; squares at the far edges may be cut off.

    Returns:
        ``[slow, fast]`` [counts]; nan where no pixel of the square is valid.
    """
    counts = pixels.astype(np.float32)
    counts[~valid] = -1
    for axis in (0, 1):
        counts = np.maximum.reduceat(counts, np.arange(0, counts.shape[axis], factor), axis=axis)
    counts[counts < 0] = np.nan
    return counts


def grey_limits(counts: NDArray[np.float32]) -> tuple[float, float]:
    """What is to be white, and what black [counts]: a little less than the background, and the strongest spots."""
    known = counts[np.isfinite(counts)]
    if known.size == 0:
        return 0.5, 10.0
    background, strong = np.percentile(known, (50, 99.8))
    white = max(0.5, 0.7 * float(background))
    return white, max(float(strong), 10 * white)


def _draw_pixels(axes: Axes, found: FoundSpots) -> AxesImage:
    slow, fast = found.pixels.shape
    counts = bin_by_maximum(found.pixels, found.valid, math.ceil(max(slow, fast) / LONG_SIDE_PX))
    white, black = grey_limits(counts)
    grey = colormaps["gray_r"].with_extremes(bad=NOT_VALID)
    shown = np.maximum(counts, white)  # the logarithm would take a zero for a pixel that is not valid
    return axes.imshow(shown, cmap=grey, norm=LogNorm(white, black), extent=(0, fast, slow, 0), interpolation="none")


def _draw_rings(axes: Axes, detector: Detector, shape: tuple[int, int]) -> None:
    paper = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    for ring in choose_rings(detector, shape):
        axes.add_patch(
            Ellipse(detector.beam_centre_px, ring.width, ring.height, fill=False, color=RING, linestyle=(0, (6, 4)))
        )
        axes.annotate(f"{ring.d:g} Å", ring.label, color=RING, ha="center", va="center", bbox=paper, zorder=5)
    axes.plot(*detector.beam_centre_px, "+", color=BEAM, markersize=14, markeredgewidth=1.8, label="beam centre", ls="")


def _draw_spots(axes: Axes, found: FoundSpots) -> None:
    for is_ice, colour, name in ((False, ORDINARY, "spots outside ice rings"), (True, ICE, "spots in ice rings")):
        spots = found.spots.select(found.is_ice == is_ice)
        axes.scatter(
            spots.x,
            spots.y,
            s=45,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.8,
            label=f"{name}: {spots.x.size}",
        )


def _legend(axes: Axes) -> list[object]:
    handles, _ = axes.get_legend_handles_labels()
    return [*handles, Patch(facecolor=NOT_VALID, edgecolor="#8795a3", label="masked or not trusted")]

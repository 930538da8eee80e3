"""A grid scan as a figure, in the colours of the status page."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from services.aggregator.heatmap import HeatMap
from shared.messages import Crystal

COLOURS: Final = ("#2b184e", "#273373", "#124f91", "#1a6e90", "#228b96", "#1fab8d", "#78c460", "#b4db4d", "#f9ed3a")
"""From no spots to the most; even steps of lightness, see page.css."""
PENDING, FAILED, FAILED_CROSS = "#d3d7dc", "#c01b26", "#fff"
MOST_GAPS: Final = 80  # boxes along a side; of more, the gaps between them would take the room
MOST_NUMBERS: Final = 25  # along a side
SIDE_INCHES, DPI = 8.0, 160


def draw_heat_map(heat_map: HeatMap, crystals: Sequence[Crystal], title: str) -> Figure:
    """Every box in the colour of its spots, what failed in red with a cross, crystals by number, biggest first."""
    figure = Figure(figsize=_size_inches(heat_map), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(
        counts_by_box(heat_map),
        cmap=LinearSegmentedColormap.from_list("spots", COLOURS).with_extremes(bad=PENDING),
        norm=Normalize(0, max(1, heat_map.max_count)),
        extent=(0, heat_map.steps_x, heat_map.steps_y, 0),
        aspect=heat_map.box_y_um / heat_map.box_x_um,
        interpolation="none",
    )
    _draw_axes(axes, heat_map)
    _mark_failed(axes, heat_map)
    _mark_crystals(axes, crystals)
    axes.set_title(title, fontsize=11)
    figure.colorbar(shown, label="spots", aspect=30, location="bottom" if _is_flat(heat_map) else "right")
    return figure


def counts_by_box(heat_map: HeatMap) -> NDArray[np.float64]:
    """Spots, shape (steps_y, steps_x); nan where there is no result."""
    return np.array(heat_map.counts, np.float64).reshape(heat_map.steps_y, heat_map.steps_x)


def _size_inches(heat_map: HeatMap) -> tuple[float, float]:
    """Room for the boxes in their true shape, and for title, axes and scale around them."""
    width, height = _size_um(heat_map)
    scale = SIDE_INCHES / max(width, height)
    if _is_flat(heat_map):
        return width * scale + 0.8, height * scale + 2.1
    return max(width * scale, 3.0) + 1.9, height * scale + 1.0


def _size_um(heat_map: HeatMap) -> tuple[float, float]:
    return heat_map.steps_x * heat_map.box_x_um, heat_map.steps_y * heat_map.box_y_um


def _is_flat(heat_map: HeatMap) -> bool:
    width, height = _size_um(heat_map)
    return height < width / 2


def _draw_axes(axes: Axes, heat_map: HeatMap) -> None:
    """Boxes count from 0; a thin gap between them, as long as there is room."""
    steps_x, steps_y = heat_map.steps_x, heat_map.steps_y
    for axis, steps in ((axes.xaxis, steps_x), (axes.yaxis, steps_y)):
        every = next((n for n in (1, 2, 5, 10, 20, 50) if steps / n <= MOST_NUMBERS), 100)
        axis.set_ticks([box + 0.5 for box in range(0, steps, every)], [str(box) for box in range(0, steps, every)])
    if max(steps_x, steps_y) <= MOST_GAPS:
        axes.vlines(range(1, steps_x), 0, steps_y, colors="white", linewidth=0.8)
        axes.hlines(range(1, steps_y), 0, steps_x, colors="white", linewidth=0.8)
    axes.set_xlabel(f"x [boxes of {heat_map.box_x_um:.4g} µm] →")
    if steps_y > 1:
        axes.set_ylabel(f"← y [boxes of {heat_map.box_y_um:.4g} µm]")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _mark_failed(axes: Axes, heat_map: HeatMap) -> None:
    for box in heat_map.failed:
        y, x = divmod(box, heat_map.steps_x)
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=FAILED, edgecolor="white", linewidth=0.8))
        axes.plot([x + 0.25, x + 0.75], [y + 0.25, y + 0.75], color=FAILED_CROSS, linewidth=1.2)
        axes.plot([x + 0.25, x + 0.75], [y + 0.75, y + 0.25], color=FAILED_CROSS, linewidth=1.2)


def _mark_crystals(axes: Axes, crystals: Sequence[Crystal]) -> None:
    """A cross in a ring where the centre of mass is, and the crystal's number."""
    for number, crystal in enumerate(crystals, start=1):
        x, y = crystal.centre_of_mass
        for marker, size in (("o", 13), ("+", 19)):
            for colour, width in (("black", 3.6), ("white", 1.6)):
                axes.plot(x, y, marker, markersize=size, fillstyle="none", color=colour, markeredgewidth=width)
        halo = [withStroke(linewidth=3, foreground="black")]
        axes.annotate(
            str(number),
            (x, y),
            (9, 7),
            textcoords="offset points",
            color="white",
            weight="bold",
            path_effects=halo,
        )

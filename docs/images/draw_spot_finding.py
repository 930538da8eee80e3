"""Draws spot-finding.png, with the kernels themselves: `python -m docs.images.draw_spot_finding`."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from services.spotfinder.buffers import plane_layout, plane_of
from services.spotfinder.kernels.candidates import add_neighbours, find_centres
from services.spotfinder.kernels.windows import Strip, sum_low, sum_low_squares

SHAPE = (11, 13)
SPOT = {(4, 5): 3, (4, 6): 5, (4, 7): 2, (5, 5): 4, (5, 6): 13, (5, 7): 6, (6, 6): 4, (6, 5): 2, (4, 8): 2}
NOISE = {(1, 2): 2, (8, 10): 3, (9, 3): 2, (9, 4): 2, (2, 11): 2}
WINDOW = (5, 6)  # the pixel whose window is drawn
BLUE, ORANGE, GREY = "#4c72b0", "#dd8452", "#d9d9d9"


def exposure() -> NDArray[np.int64]:
    """A spot, noise of single counts, and some pixels of 2 and 3."""
    image = (np.random.default_rng(4).random(SHAPE) < 0.15).astype(np.int64)  # noqa: PLR2004
    for pixel, value in (SPOT | NOISE).items():
        image[pixel] = value
    return image


def marked(image: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The centres and the candidates, as the kernels find them."""
    margin, n_bytes = plane_layout(SHAPE)
    raised = plane_of(image >= 2).view(np.uint64)  # noqa: PLR2004
    centres, candidates = np.zeros((2, n_bytes // 8), np.uint64)
    find_centres(raised, SHAPE[1], margin // 8, centres)
    add_neighbours(centres, raised, SHAPE[1], margin // 8, candidates)
    return _flags(centres, margin), _flags(candidates, margin)


def _flags(words: NDArray[np.uint64], margin: int) -> NDArray[np.bool_]:
    bits = np.unpackbits(words.view(np.uint8)[margin:], bitorder="little")
    return bits[: SHAPE[0] * SHAPE[1]].reshape(SHAPE).astype(bool)


def draw_grid(axes: Axes, values: NDArray[np.int64], colours: list[str], title: str) -> None:
    """Pixels as coloured boxes."""
    axes.pcolormesh(values, cmap=ListedColormap(colours), vmin=0, vmax=len(colours) - 1, edgecolors="white", lw=0.7)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=8, loc="left")
    axes.invert_yaxis()
    for side in axes.spines.values():
        side.set_visible(False)


def draw() -> Figure:
    """Counts, four planes, candidates, and the sums of one window."""
    image, figure = exposure(), Figure(figsize=(10, 5.4), layout="constrained")
    panels = figure.subplots(2, 4)
    counts = panels[0, 0]
    draw_grid(counts, np.minimum(image, 2), ["#f2f2f2", GREY, BLUE], "counts; blue: 2 or more")
    for (j, i), value in np.ndenumerate(image):
        if value:
            counts.text(i + 0.5, j + 0.5, str(value), ha="center", va="center", fontsize=7)
    for k, axes in enumerate([panels[0, 1], panels[0, 2], panels[0, 3], panels[1, 0]]):
        draw_grid(axes, image >> k & 1, ["#f2f2f2", BLUE], f"plane of bit {k}: 64 pixels are one word")
    centres, candidates = marked(image)
    raised = (image >= 2).astype(int)  # noqa: PLR2004
    draw_grid(panels[1, 1], raised, ["#f2f2f2", BLUE], "raised = bit 1 | bit 2 | bit 3 | higher")
    draw_grid(panels[1, 2], raised + candidates + centres, ["#f2f2f2", GREY, ORANGE, "#c44e52"], "")
    legend = "red: centres, two raised neighbours or more\norange: beside one; grey: in no spot"
    panels[1, 2].set_title(legend, fontsize=8, loc="left")
    draw_window(panels[1, 3], [*panels[0, 1:4].tolist(), panels[1, 0]], image)
    return figure


def draw_window(axes: Axes, planes: list[Axes], image: NDArray[np.int64]) -> None:
    """Frame a window in each plane, and say what its bits add up to."""
    j, i = WINDOW
    for plane in planes:
        plane.add_patch(Rectangle((i - 3, j - 3), 7, 7, fill=False, ec=ORANGE, lw=2))
    window = image[j - 3 : j + 4, i - 3 : i + 4].ravel()
    words = [np.uint64(sum(int(v >> k & 1) << b for b, v in enumerate(window))) for k in range(4)]
    strip = Strip(words[0], words[1], words[2], words[3], high=np.uint64(0), valid=np.uint64(0))
    n = [int(word).bit_count() for word in words]
    lines = [
        "a window is 49 bits of each plane",
        "",
        f"bits set: {n[0]}, {n[1]}, {n[2]}, {n[3]}",
        f"x = {n[0]} + 2·{n[1]} + 4·{n[2]} + 8·{n[3]} = {sum_low(strip)}",
        "y = Σ 4ᵏ|bₖ| + 2 Σ 2ⁱ⁺ᵏ|bᵢ & bₖ|",
        f"   = {sum_low_squares(strip)}",
        "",
        "strong if  m y - x² - x (m - 1)",
        "                  > 6 x √(2 (m - 1))",
        "and  m v - x > 3 √(m x)",
    ]
    axes.axis("off")
    axes.text(0, 1, "\n".join(lines), va="top", fontsize=9, transform=axes.transAxes)


def main() -> None:
    """Save it beside this file."""
    draw().savefig(Path(__file__).with_name("spot-finding.png"), dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()

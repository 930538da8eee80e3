"""A grid scan in characters, for a terminal."""

import math
from typing import Final

from rich.text import Text

from services.aggregator.heatmap import HeatMap

SHADES: Final = "·░▒▓█"
"""From no spots at all to the most."""
FAILED, PENDING = "X", " "
ROOM: Final = 12  # characters beside the boxes


def in_characters(heat_map: HeatMap, width: int) -> Text:
    """The grid as lines of boxes, two characters each, or one where there is no room for two.

    Args:
        heat_map: the grid.
        width: of the terminal [characters].
    """
    n_characters = 2 if 2 * heat_map.steps_x + ROOM <= width else 1
    if heat_map.steps_x + ROOM > width:
        return Text(f"the grid is too wide for this terminal: {heat_map.steps_x} boxes")
    text = Text(no_wrap=True)
    failed = set(heat_map.failed)
    for y in range(heat_map.steps_y):
        text.append(f"{y:5d} ", "dim")
        for box in range(y * heat_map.steps_x, (y + 1) * heat_map.steps_x):
            if box in failed:
                text.append(FAILED * n_characters, "red")
            else:
                text.append(_shade(heat_map.counts[box], heat_map.max_count) * n_characters)
        text.append("\n")
    text.append(f"      {SHADES[0]} none  {SHADES[-1]} {heat_map.max_count} spots", "dim")
    if failed:
        text.append(f"  {FAILED} {len(failed)} failed", "red")
    return text


def _shade(count: int | None, most: int) -> str:
    if count is None:
        return PENDING
    return SHADES[math.ceil(count / max(most, 1) * (len(SHADES) - 1))]

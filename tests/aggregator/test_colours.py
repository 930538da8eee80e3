"""The heat map's colours mean what they say, and words can be read on their paper."""

import re
from itertools import pairwise

import pytest

from services.aggregator.web.app import HERE

CSS = (HERE / "static" / "page.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in CSS.split("@media (prefers-color-scheme: dark)")
)


def _luminance(colour):
    """Relative luminance of an sRGB colour #rgb or #rrggbb, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one, other):
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_colour_map_rises_in_even_steps_of_lightness():
    stops = [116 * _luminance(LIGHT[f"map-{i}"]) ** (1 / 3) - 16 for i in range(9)]

    assert all(abs(after - before - 78 / 8) < 0.8 for before, after in pairwise(stops))


@pytest.mark.parametrize("theme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [("ink", "card"), ("soft", "card"), ("soft", "paper"), ("accent", "card"), ("bad", "card"), ("soft", "calm-paper")]
    + [(tone, f"{tone}-paper") for tone in ("good", "warn", "bad", "busy")]
    + [("ink", f"{tone}-paper") for tone in ("good", "warn", "bad")],
)
def test_words_stand_out_from_their_paper(theme, ink, paper):
    assert _contrast(theme[ink], theme[paper]) >= 4.5

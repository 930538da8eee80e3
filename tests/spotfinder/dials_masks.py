"""Untrusted regions as DIALS masks them; runs under Debian's Python, which has DIALS."""

from __future__ import annotations

import json
import sys

from dials.array_family import flex
from dxtbx.masking import mask_untrusted_circle, mask_untrusted_polygon, mask_untrusted_rectangle


def untrusted(kind: str, region: list, height: int, width: int) -> list[int]:
    """Flat indices of the pixels that a region takes away."""
    mask = flex.bool(flex.grid(height, width), True)
    if kind == "rectangle":
        mask_untrusted_rectangle(mask, *region)
    elif kind == "circle":
        mask_untrusted_circle(mask, *region)
    else:
        mask_untrusted_polygon(mask, flex.vec2_double([tuple(corner) for corner in region]))
    return list((~mask).iselection())


if __name__ == "__main__":
    height, width, *regions = json.load(sys.stdin)
    json.dump([untrusted(kind, region, height, width) for kind, region in regions], sys.stdout)

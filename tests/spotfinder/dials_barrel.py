"""Resolutions at places of an image as DIALS has them; runs under Debian's Python, which has DIALS."""

from __future__ import annotations

import json
import sys

from dxtbx.model.experiment_list import ExperimentListFactory


def main(image_file: str, places: list[list[float]]) -> None:
    """Print d [Å] at each place, fast and slow [px]; null in the gaps between panels."""
    imageset = ExperimentListFactory.from_filenames([image_file]).imagesets()[0]
    detector, s0 = imageset.get_detector(), imageset.get_beam().get_s0()
    resolutions = []
    for x, y in places:
        row, y_row = divmod(y, 212)
        resolutions.append(detector[int(row)].get_resolution_at_pixel(s0, (x, y_row)) if y_row < 195 else None)
    json.dump([len(detector), resolutions], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))

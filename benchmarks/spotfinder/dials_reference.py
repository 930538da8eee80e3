"""DIALS' spots and per-image analysis of a collection, as JSON; runs under Debian's Python, which has DIALS."""

from __future__ import annotations

import json
import sys
from typing import Any

from dials.algorithms.spot_finding.per_image_analysis import stats_for_reflection_table
from dials.array_family import flex
from dials.command_line.find_spots import phil_scope
from dxtbx.model.experiment_list import ExperimentList, ExperimentListFactory
from libtbx.phil import parse

# What Diamond's per-image analysis runs: the mask is not cut by resolution, spots beyond d_max are dropped afterwards.
PARAMETERS = """
spotfinder {
  filter.disable_parallax_correction = True
  force_2d = True
  mp.nproc = 1
}
"""
D_MAX_ANGSTROM = 40


def find_spots(experiments: ExperimentList, algorithm: str) -> flex.reflection_table:
    """Reflections of all images, with their places in reciprocal space."""
    parameters = phil_scope.fetch(parse(PARAMETERS)).extract()
    parameters.spotfinder.threshold.algorithm = algorithm
    reflections = flex.reflection_table.from_observations(experiments, parameters)
    reflections.centroid_px_to_mm(experiments)
    reflections.map_centroids_to_reciprocal_space(experiments)
    return reflections


def describe(reflections: flex.reflection_table) -> dict[str, Any]:
    """Spots of one image, and the figures of its analysis."""
    x, y, _ = reflections["xyzobs.px.value"].parts()
    counts = reflections["intensity.sum.value"]
    far_enough = reflections["rlp"].norms() >= 1 / D_MAX_ANGSTROM
    return {
        "spots": [list(spot) for spot in zip(x, y, counts, strict=True)],
        "analysis": stats_for_reflection_table(reflections.select(far_enough))._asdict(),
    }


def main(image_file: str, algorithm: str) -> None:
    """Print a list with an object for each image."""
    experiments = ExperimentListFactory.from_filenames([image_file])
    reflections = find_spots(experiments, algorithm)
    images = flex.floor(reflections["xyzobs.px.value"].parts()[2])
    n_images = len(experiments[0].imageset)  # stills are one experiment each, and share it
    json.dump([describe(reflections.select(images == image)) for image in range(n_images)], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Simulated images that are hard on a spot finder, and a real one of 16 megapixels, against DIALS 3.12 itself."""

import numpy as np
import pytest

from benchmarks.spotfinder.compare_with_dials import compare, real_eiger_16m
from tests.spotfinder.patterns import faint, hot_pixels, levels, lopsided, plateaus, saturated
from tests.spotfinder.scenes import (
    Camera,
    Scene,
    borders,
    crystal,
    icy_spots,
    islands,
    long_spots,
    mosaic,
    nothing,
    write_collection,
)

BACKGROUNDS = [0, 0.01, 0.1, 0.3, 0.7, 1, 1.5, 2, 4, 20, 200, "gradient", "ice"]
MOSAICS = [
    *((mosaic(hot_pixels, pitch), level) for pitch, level in [(17, 0), (17, 0.1), (17, 1), (61, 0), (61, 0.1)]),
    *(
        (mosaic(faint, pitch), level)
        for pitch, level in [(11, 0), (11, 0.01), (11, 0.1), (11, 0.3), (11, 1), (61, 0.1)]
    ),
    *((mosaic(lopsided, pitch), level) for pitch, level in [(17, 0), (17, 0.1), (61, 0)]),
    *((mosaic(plateaus, 17), level) for level in [0, 1]),
    *((mosaic(levels, pitch), level) for pitch, level in [(17, 0), (17, 0.3), (17, 20), (61, 0.1)]),
    *((mosaic(saturated, pitch), level) for pitch, level in [(17, 0), (17, 2), (61, 0.1)]),
]
AT_BORDERS = [(borders(distance), level) for distance, level in [(0, 0), (0, 0.1), (1, 0.1), (2, 1), (3, 0.1), (4, 4)]]
SHAPES = [(long_spots, 0), (long_spots, 0.1), (islands, 0), (islands, 0.3), (islands, 1), (nothing, 0)]
ALL = [(crystal, level) for level in BACKGROUNDS] + [(icy_spots, "ice"), *MOSAICS, *AT_BORDERS, *SHAPES]
BRIGHT = [(crystal, 0.1), (crystal, 20), (mosaic(saturated, 17), 0.3), (mosaic(levels, 17), 0.1)]
BRIGHT += [(mosaic(levels, 61), 0), (mosaic(lopsided, 17), 0)]
LARGE = [(crystal, 0.1), (crystal, 4), (crystal, "gradient"), (icy_spots, "ice"), (borders(1), 0.1)]
LARGE += [(mosaic(hot_pixels, 61), 0.05)]

COLLECTIONS = {
    "1M uint16": (Camera("1M", np.uint16, 65_532), ALL),
    "1M uint16 low": (Camera("1M", np.uint16, 1000), [(mosaic(saturated, 17), 0.1), (mosaic(saturated, 61), 0.05)]),
    "1M uint32": (Camera("1M", np.uint32, 2**20), BRIGHT),
    "1M uint8": (Camera("1M", np.uint8, 253), BRIGHT),
    "4M uint16": (Camera("4M", np.uint16, 65_532), LARGE),
    "4M uint32": (Camera("4M", np.uint32, 2**20), [(icy_spots, "ice"), (mosaic(levels, 61), 0.1)]),
    "16M uint16": (Camera("16M", np.uint16, 65_532), [(crystal, 0.1), (icy_spots, "ice")]),
    "16M uint32": (Camera("16M", np.uint32, 2**20), [(borders(2), 0.05)]),
}

pytestmark = [pytest.mark.dials, pytest.mark.timeout(300)]  # DIALS takes its time with 16M pixels


@pytest.fixture(scope="module", params=COLLECTIONS)
def comparisons(request, tmp_path_factory):
    camera, scenes = COLLECTIONS[request.param]
    folder = tmp_path_factory.mktemp("scenes")
    return list(compare(write_collection(folder, camera, [Scene(*scene) for scene in scenes])))


def differences(comparisons):
    return [(c.image, c.n_equal_spots, c.n_spots, c.different_figures) for c in comparisons if not c.is_equal]


def test_spots_and_figures_are_those_of_dials(comparisons):
    assert differences(comparisons) == []


def test_there_are_spots_to_compare_on_every_image_with_something_on_it(request, comparisons):
    scenes = COLLECTIONS[request.node.callspec.params["comparisons"]][1]
    has_spots = [len(comparison.dials.spots) > 1 for comparison in comparisons]
    assert has_spots == [draw is not nothing for draw, _ in scenes]


@pytest.mark.skipif(not real_eiger_16m().exists(), reason="the real image is not there")
def test_spots_and_figures_of_a_real_image_are_those_of_dials():
    (comparison,) = compare(real_eiger_16m())
    assert differences([comparison]) == []
    assert len(comparison.dials.spots) == 77

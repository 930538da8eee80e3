"""What the drawings of the spot finder show."""

import re
from itertools import combinations
from math import hypot

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb, to_rgba

from cli.grids import crystals_on, heat_map_of
from cli.plots import heatmap
from cli.plots.blocks import in_characters
from cli.plots.heatmap import draw_heat_map
from cli.plots.image import ICE, NOT_VALID, ORDINARY, FoundSpots, bin_by_maximum, draw_image, grey_limits
from cli.plots.rings import MARGIN, choose_rings, radii_mm
from services.aggregator.web.app import HERE
from services.spotfinder.analysis import ImageReport
from services.spotfinder.images.barrel import Barrel
from services.spotfinder.per_image_analysis import ImageAnalysis
from services.spotfinder.resolution import Detector
from services.spotfinder.spots import Spots
from shared.messages import Grid

detectors = st.builds(
    Detector,
    pixel_size_mm=st.tuples(st.floats(0.05, 0.2), st.floats(0.05, 0.2)),
    distance_mm=st.floats(60, 900),
    beam_centre_px=st.tuples(st.floats(-200, 2200), st.floats(-200, 2200)),
    wavelength_angstrom=st.floats(0.6, 1.8),
    sensor_material=st.sampled_from(["Si", None]),
    sensor_thickness_mm=st.floats(0.3, 1.0),
)


@given(detector=detectors, d=st.floats(0.7, 50))
def test_a_ring_lies_where_the_detector_has_that_resolution(detector, d):
    (radius,) = radii_mm(detector, np.array([d]), largest_mm=300)
    if np.isnan(radius):
        _, at_largest = detector.beam_centre_px, detector.beam_centre_px[0] + 300 / detector.pixel_size_mm[0]
        assert detector.d_spacings(np.array([at_largest]), np.array([detector.beam_centre_px[1]]))[0] > d
    else:
        x = detector.beam_centre_px[0] + radius / detector.pixel_size_mm[0]
        assert detector.d_spacings(np.array([x]), np.array([detector.beam_centre_px[1]]))[0] == pytest.approx(d, 1e-3)


@given(detector=detectors)
def test_rings_are_apart_and_their_labels_in_the_image(detector):
    shape = (2000, 1500)
    rings = choose_rings(detector, shape)
    for ring in rings:
        x, y = ring.label
        assert MARGIN * 1500 <= x <= (1 - MARGIN) * 1500
        assert MARGIN * 2000 <= y <= (1 - MARGIN) * 2000
        dx, dy = x - detector.beam_centre_px[0], y - detector.beam_centre_px[1]
        assert hypot(2 * dx / ring.width, 2 * dy / ring.height) == pytest.approx(1)
    for one, other in combinations(rings, 2):
        assert (one.d < other.d) == (one.width > other.width)
        assert abs(one.width - other.width) > 0.05 * max(one.width, other.width)


def test_a_detector_near_the_crystal_has_rings_from_low_to_high_resolution():
    detector = Detector((0.075, 0.075), 200.0, (2087.0, 2197.0), 0.9795, "Si", 0.45)
    drawn = [ring.d for ring in choose_rings(detector, (4362, 4148))]
    assert set(drawn) >= {2, 4, 1.5}
    assert max(drawn) > 6


def test_a_curved_detector_has_no_rings():
    barrel = Barrel((0.172, 0.172), 0.0, (1075, 2594), 2.7, "Si", 0.32)
    assert choose_rings(barrel, (5071, 2463)) == []


small = arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 60000))


@given(pixels=small, factor=st.integers(1, 5), data=st.data())
def test_binning_keeps_the_highest_valid_count_of_every_square(pixels, factor, data):
    valid = data.draw(arrays(np.bool_, pixels.shape))
    binned = bin_by_maximum(pixels, valid, factor)
    assert binned.shape == tuple(-(-n // factor) for n in pixels.shape)
    for (row, column), count in np.ndenumerate(binned):
        square = np.s_[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        known = pixels[square][valid[square]]
        assert count == known.max() if known.size else np.isnan(count)


@given(counts=arrays(np.float32, (20, 20), elements=st.sampled_from([0, 1, 3, 40, 1e6, np.nan])))
def test_grey_runs_over_at_least_a_factor_of_ten(counts):
    white, black = grey_limits(counts)
    assert white >= 0.5
    assert black >= 10 * white


def found_spots(**changes):
    """A 40 x 60 pixel image with three spots, one in ice, and a masked row."""
    pixels = np.ones((40, 60), np.uint16)
    pixels[10, 20] = 500
    valid = np.ones(pixels.shape, np.bool_)
    valid[30] = False
    n = np.ones(3)
    fields = {
        "title": "thau_master.h5, image 3",
        "pixels": pixels,
        "valid": valid,
        "detector": Detector((0.1, 0.1), 20.0, (30.0, 20.0), 1.0, "Si", 0.45),
        "spots": Spots(np.array([20.5, 40.0, 50.0]), np.array([10.5, 5.0, 35.0]), 500 * n, n.astype(np.int64)),
        "is_ice": np.array([False, True, False]),
        "analysis": ImageAnalysis(3, 2, 1, 1000.0, estimated_d_min=1.876),
    }
    return FoundSpots(**(fields | changes))


def test_circles_lie_on_the_spots_and_tell_ice_by_their_colour():
    ordinary, ice = draw_image(found_spots()).axes[0].collections
    assert ordinary.get_offsets().tolist() == [[20.5, 10.5], [50.0, 35.0]]
    assert ice.get_offsets().tolist() == [[40.0, 5.0]]
    assert [tuple(circles.get_edgecolor()[0]) for circles in (ordinary, ice)] == [to_rgba(ORDINARY), to_rgba(ICE)]
    assert ordinary.get_facecolor().size == 0


def test_the_image_is_white_to_black_and_what_is_not_valid_has_a_colour_of_its_own():
    (shown,) = draw_image(found_spots()).axes[0].images
    colours = shown.to_rgba(shown.get_array())
    assert colours[10, 20].tolist() == [0, 0, 0, 1]
    assert colours[30, 5].tolist() == list(to_rgba(NOT_VALID))
    assert min(colours[20, 20][:3]) > 0.8
    assert tuple(shown.get_extent()) == (0, 60, 40, 0)


def test_the_title_says_which_image_it_is_and_what_is_in_it():
    title = draw_image(found_spots()).axes[0].get_title()
    assert title.startswith("thau_master.h5, image 3\n3 spots, 2 outside ice rings · d_min 1.88 Å")
    nothing = draw_image(found_spots(analysis=ImageAnalysis(0, 0, 0, 0.0))).axes[0].get_title()
    assert "too few spots for d_min" in nothing


def test_an_image_of_nothing_but_masked_pixels_can_be_drawn():
    (shown,) = draw_image(found_spots(valid=np.zeros((40, 60), np.bool_))).axes[0].images
    assert (shown.to_rgba(shown.get_array()) == to_rgba(NOT_VALID)).all()


def report(image, n_spots):
    if n_spots is None:
        return ImageReport(image=image, failure="broken chunk")
    return ImageReport(image=image, analysis=ImageAnalysis(n_spots, n_spots, 0, 0.0))


GRID = Grid(steps_x=3, steps_y=3, snaked=True, box_x_um=20, box_y_um=10)
REPORTS = [report(image, n_spots) for image, n_spots in enumerate([0, 1, 2, 40, None, 3, 0])]


def test_a_heat_map_has_every_image_where_it_was_taken():
    axes = draw_heat_map(heat_map_of(GRID, REPORTS), [], "grid").axes[0]
    (shown,) = axes.images
    nan = np.nan
    assert np.array_equal(shown.get_array().filled(nan), [[0, 1, 2], [3, nan, 40], [0, nan, nan]], equal_nan=True)
    assert [patch.get_xy() for patch in axes.patches] == [(1, 1)]
    assert axes.get_aspect() == 0.5


def test_a_heat_map_marks_the_crystals_where_their_centres_are():
    crystals = crystals_on(GRID, REPORTS)
    axes = draw_heat_map(heat_map_of(GRID, REPORTS), crystals, "grid").axes[0]
    (number,) = (text for text in axes.texts if text.get_text() == "1")
    assert number.xy == (2.5, 1.5) == crystals[0].centre_of_mass


def test_a_heat_map_has_the_colours_of_the_status_page():
    css = (HERE / "static" / "page.css").read_text().partition("@media")[0]
    page = dict(re.findall(r"--([\w-]+): (#\w+)", css))
    assert [page[f"map-{i}"] for i in range(9)] == list(heatmap.COLOURS)
    ours = (heatmap.PENDING, heatmap.FAILED, heatmap.FAILED_CROSS)
    assert [to_rgb(page[name]) for name in ("pending", "failed", "failed-cross")] == [to_rgb(colour) for colour in ours]


def test_a_terminal_shows_the_grid_in_shades():
    lines = in_characters(heat_map_of(GRID, REPORTS), width=80).plain.splitlines()
    assert lines == [
        "    0 ··░░░░",
        "    1 ░░XX██",
        "    2 ··    ",
        "      · none  █ 40 spots  X 1 failed",
    ]


@pytest.mark.parametrize(
    ("width", "first"), [(17, "    0 ·░░"), (14, "the grid is too wide for this terminal: 3 boxes")]
)
def test_a_narrow_terminal_gets_narrow_boxes_or_a_word(width, first):
    assert in_characters(heat_map_of(GRID, REPORTS), width).plain.splitlines()[0] == first

"""The real thaumatin grid, against DIALS 3.12 itself."""

from typing import get_args

import numpy as np
import pytest

from benchmarks.spotfinder.compare_with_dials import (
    EXACT,
    SHIPPED_GRID,
    compare,
    complete_grid,
    count_equal_spots,
)
from services.spotfinder.analysis import analyse_available, count_images
from services.spotfinder.finder import Algorithm, Parameters
from services.spotfinder.per_image_analysis import ImageAnalysis

SHIPPED_COUNTS = {
    "dispersion": [287, 1373, 1243, 1081, 941, 815, 612, 46, 0],
    "dispersion_extended": [289, 1312, 1201, 1122, 1000, 852, 627, 51, 0],
}


@pytest.fixture(scope="module", params=get_args(Algorithm))
def comparisons(request):
    return list(compare(complete_grid() or SHIPPED_GRID, request.param))


@pytest.mark.dials
def test_all_images_are_compared_and_have_spots_to_compare(comparisons):
    assert len(comparisons) == (19 if complete_grid() else 9)
    assert sum(len(c.dials.spots) for c in comparisons) > 6000


@pytest.mark.dials
def test_every_spot_is_one_of_dials_and_the_reverse(comparisons):
    assert [c.n_equal_spots for c in comparisons] == [len(c.dials.spots) for c in comparisons]
    assert [c.n_equal_spots for c in comparisons] == [len(c.ours.spots) for c in comparisons]


@pytest.mark.dials
@pytest.mark.parametrize("figure", EXACT)
def test_counts_are_exactly_those_of_dials(comparisons, figure):
    ours = [getattr(c.ours.analysis, figure) for c in comparisons]
    assert ours == [getattr(c.dials.analysis, figure) for c in comparisons]
    assert any(ours)


@pytest.mark.dials
@pytest.mark.parametrize("figure", sorted(set(ImageAnalysis._fields) - set(EXACT)))
def test_resolution_limits_and_noisiness_are_those_of_dials(comparisons, figure):
    ours = [getattr(c.ours.analysis, figure) for c in comparisons]
    dials = [getattr(c.dials.analysis, figure) for c in comparisons]
    assert [value is None for value in ours] == [value is None for value in dials]
    assert [v for v in ours if v is not None] == pytest.approx([v for v in dials if v is not None], abs=1e-3)


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_the_shipped_images_have_the_spots_that_dials_found(algorithm):
    """What DIALS 3.12 says of them, for machines without it."""
    images = range(count_images(str(SHIPPED_GRID)))
    reports = analyse_available(str(SHIPPED_GRID), images, Parameters(algorithm=algorithm))
    assert [report.analysis.n_spots_total for report in reports] == SHIPPED_COUNTS[algorithm]


def test_a_shipped_image_has_the_figures_that_dials_found():
    (report,) = analyse_available(str(SHIPPED_GRID), [1])
    assert report.analysis == pytest.approx(
        (1373, 1219, 292, 1330934.0, 1.65066526, 2.18679940, 1.90546371, 0.01564723, 0.05384615)
    )


def test_spots_are_equal_in_place_and_counts():
    ours = np.array([[10.5, 20.5, 100.0], [30.0, 40.0, 50.0]])
    assert count_equal_spots(ours, ours[::-1]) == 2
    assert count_equal_spots(ours, ours + np.array([0.0009, 0, 0])) == 2
    assert count_equal_spots(ours, ours + np.array([0.002, 0, 0])) == 0
    assert count_equal_spots(ours, ours + np.array([0, 0, 1.0])) == 0
    assert count_equal_spots(ours, np.vstack((ours, ours))) == 2
    assert count_equal_spots(ours, np.empty((0, 3))) == 0

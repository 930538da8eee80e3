import numpy as np
import pytest

from simulator.detector import DEAD_BIT, GAP_BIT, Detector


@pytest.mark.parametrize(
    ("model", "shape"),
    [("500K", (512, 1028)), ("1M", (1062, 1028)), ("4M", (2162, 2068)), ("9M", (3262, 3108)), ("16M", (4362, 4148))],
)
def test_models_have_the_manufacturers_number_of_pixels(model, shape):
    assert Detector(model=model).shape == shape


def test_gaps_lie_between_modules_and_nowhere_else():
    mask = Detector(model="4M", dead_fraction=0).mask

    assert np.flatnonzero(mask.all(axis=0) & GAP_BIT).tolist() == list(range(1028, 1040))
    gap_rows = np.flatnonzero(mask.all(axis=1) & GAP_BIT)
    assert gap_rows.tolist() == [row for first in (512, 1062, 1612) for row in range(first, first + 38)]
    assert np.count_nonzero(mask == 0) == 2 * 4 * 1028 * 512


def test_dead_pixels_are_as_many_as_asked_and_the_same_every_time():
    first, again, other = (Detector(model="500K", dead_fraction=1e-3, seed=seed).mask for seed in (1, 1, 2))

    assert np.count_nonzero(first & DEAD_BIT) == round(1e-3 * 512 * 1028)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_d_spacing_obeys_braggs_law():
    detector = Detector(model="500K", distance_mm=100)
    column, row = 900, 100
    x, y = (
        (index + 0.5 - centre) * 0.075 for index, centre in zip((column, row), detector.beam_centre_px, strict=True)
    )
    theta = np.arctan(np.hypot(x, y) / 100) / 2

    assert detector.d_spacing(0.98)[row, column] == pytest.approx(0.98 / (2 * np.sin(theta)))


def test_highest_resolution_is_that_of_the_farthest_pixel():
    detector = Detector(model="500K", distance_mm=100)

    assert detector.highest_resolution(0.98) == pytest.approx(detector.d_spacing(0.98).min(), rel=2e-3)


def test_the_beamstop_shades_the_centre_and_its_stem_everything_above():
    detector = Detector(model="500K")
    fast, slow = (int(centre) for centre in detector.beam_centre_px)

    assert detector.transmission[slow, fast] == detector.transmission[0, fast] == detector.shadow_transmission
    assert detector.transmission[-1, fast] == detector.transmission[slow, 0] == 1


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="'2M' is none of 500K"):
        Detector(model="2M")

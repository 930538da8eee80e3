from dataclasses import replace

import numpy as np
import pytest

from simulator.demo import demo_rotation
from simulator.prediction import predict_events
from simulator.rotation import Imperfections


def test_the_axis_holds_the_beginning_of_each_slice(rotation):
    (omega,) = rotation.axes

    assert omega.values == pytest.approx([30.0, 30.5, 31.0, 31.5])


def test_images_depend_on_seed_and_number_alone(rotation):
    first, again, other = (replace(rotation, seed=seed).prepare() for seed in (1, 1, 2))

    first(0)
    assert np.array_equal(first(2), again(2))
    assert not np.array_equal(first(2), other(2))


def test_spots_stand_where_the_perfect_crystal_puts_them(rotation):
    """The strongest event that a slice wholly records lights up its pixel."""
    perfect = Imperfections(position_px=0, angle=0, intensity=0)
    scan = replace(rotation, imperfections=perfect, width=1.0, crystal=replace(rotation.crystal, mosaicity=0.05))
    events = predict_events(scan.crystal, scan.detector, scan.beam.wavelength)
    slow, fast = scan.detector.shape
    inside = (np.abs(events.phi - 30.5) < 0.2) & (events.sigma < 0.12)
    inside &= (events.fast_px > 8) & (events.fast_px < fast - 8) & (events.slow_px > 8) & (events.slow_px < slow - 8)
    best = np.flatnonzero(inside)[np.argmax(events.intensity[inside])]
    row, column = int(events.slow_px[best]), int(events.fast_px[best])

    around = scan.prepare()(0)[row - 5 : row + 6, column - 5 : column + 6].astype(int)

    assert around.sum() == pytest.approx(events.intensity[best], rel=0.05)
    assert np.unravel_index(around.argmax(), around.shape) == pytest.approx((5, 5), abs=1)


def test_radiation_damage_halves_the_intensities_after_the_half_life(rotation):
    """With a half-life of one slice, the fourth has an eighth of the spots' counts."""
    spots_only = replace(rotation, width=1.0, air_level=0.0, solvent_level=0.0)
    lasting, dying = (
        replace(spots_only, imperfections=Imperfections(half_life=half_life)).prepare()(3).astype(int)
        for half_life in (1e9, 1.0)
    )

    valid = lasting < 65535
    assert dying[valid].sum() / lasting[valid].sum() == pytest.approx(1 / 8, rel=0.1)


def test_disturbed_events_scatter_as_told(rotation):
    events = predict_events(rotation.crystal, rotation.detector, rotation.beam.wavelength)
    disturbed = Imperfections(position_px=0.3, angle=0.02, intensity=0.1).disturb(events, np.random.default_rng(1))

    assert np.std(disturbed.fast_px - events.fast_px) == pytest.approx(0.3, rel=0.05)
    assert np.std(disturbed.from_phi(0) - events.from_phi(0), where=np.abs(events.from_phi(0)) < 179) == pytest.approx(
        0.02, rel=0.05
    )
    assert np.std(disturbed.intensity / events.intensity) == pytest.approx(0.1, rel=0.05)


def test_the_demonstration_measures_the_reflections_that_tell_the_screw_axes():
    scan = demo_rotation()
    events = predict_events(scan.crystal, scan.detector, scan.beam.wavelength)
    swept = events[(events.phi - scan.start) % 360 < scan.n_images * scan.width]
    hkl = np.abs(scan.crystal.reflections.hkl[swept.reflection])

    assert np.count_nonzero(~hkl[:, :2].any(axis=1)) >= 2
    assert np.count_nonzero(~hkl[:, 1:].any(axis=1) | ~hkl[:, ::2].any(axis=1)) >= 4


def test_the_truth_is_the_crystal(rotation):
    assert rotation.truth() == ((78.9, 78.9, 37.1, 90.0, 90.0, 90.0), "P43212")


@pytest.mark.parametrize(("n_images", "width"), [(0, 0.5), (10, -0.1), (4000, 0.1)])
def test_a_rotation_beyond_one_turn_or_backwards_is_refused(rotation, n_images, width):
    with pytest.raises(ValueError, match="not within one turn"):
        replace(rotation, n_images=n_images, width=width)

"""Resolution and its limits, against formulas and by construction."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.spotfinder.attenuation import KEV_ANGSTROM, attenuation
from services.spotfinder.finder import Parameters
from services.spotfinder.per_image_analysis import describe_spots
from services.spotfinder.resolution import Detector, ice_rings, in_ice_ring
from services.spotfinder.resolution_limit import distl_method_1, distl_method_2, estimate_d_min
from services.spotfinder.spots import Spots


def detector(**changes):
    return Detector(
        **{
            "pixel_size_mm": (0.075, 0.075),
            "distance_mm": 300.0,
            "beam_centre_px": (2000.0, 2100.0),
            "wavelength_angstrom": 1.0,
            "sensor_material": None,
            "sensor_thickness_mm": 0.45,
            **changes,
        }
    )


def d_at(detector, x, y):
    return detector.d_spacings(np.array([x], float), np.array([y], float))[0]


def test_bragg_at_45_degrees():
    at_45 = detector(pixel_size_mm=(0.1, 0.2), beam_centre_px=(0.0, 0.0))
    expected = 1.0 / (2 * math.sin(math.pi / 8))
    assert d_at(at_45, 3000, 0) == pytest.approx(expected)
    assert d_at(at_45, 0, 1500) == pytest.approx(expected)


def test_the_direct_beam_has_no_resolution():
    assert d_at(detector(), 2000, 2100) == math.inf


def test_parallax_moves_a_spot_towards_the_beam_by_the_mean_depth():
    """At 45 degrees, in an absorber so strong that all is absorbed near the surface: depth 1/mu along the ray."""
    thick_silicon = detector(sensor_material="Si", sensor_thickness_mm=100.0)
    shift_px = math.sin(math.pi / 4) / attenuation("Si", 1.0) / 0.075
    assert d_at(thick_silicon, 6000 + shift_px, 2100) == pytest.approx(d_at(detector(), 6000, 2100), rel=1e-5)


@given(x=st.floats(0, 4000), y=st.floats(0, 4000))
def test_parallax_never_makes_the_resolution_higher(x, y):
    assert d_at(detector(sensor_material="Si"), x, y) >= d_at(detector(), x, y)


@pytest.mark.parametrize(
    ("material", "energy_kev", "per_cm"),
    [("Si", 8, 64.68 * 2.33), ("CdTe", 20, 21.44 * 6.2), ("GaAs", 15, 92.2 * 5.32)],
)
def test_attenuation_at_a_tabulated_energy(material, energy_kev, per_cm):
    assert attenuation(material, KEV_ANGSTROM / energy_kev) == pytest.approx(per_cm / 10)


def test_attenuation_between_two_energies_lies_on_a_power_law():
    middle_kev = math.sqrt(10 * 15)
    expected = math.sqrt(attenuation("Si", KEV_ANGSTROM / 10) * attenuation("Si", KEV_ANGSTROM / 15))
    assert attenuation("Si", KEV_ANGSTROM / middle_kev) == pytest.approx(expected)


def test_attenuation_outside_the_table_is_refused():
    with pytest.raises(ValueError, match="200 keV"):
        attenuation("Si", KEV_ANGSTROM / 200)


def test_the_known_powder_rings_of_hexagonal_ice():
    """The innermost rings, as crystallographers know them [Å]."""
    d = 1 / np.sqrt(ice_rings(1)[:8])
    assert d.tolist() == pytest.approx([3.897, 3.669, 3.441, 2.671, 2.249, 2.072, 1.948, 1.918], abs=2e-3)


def test_a_spot_is_ice_within_half_the_width_of_a_ring():
    ring = ice_rings(1)[0]
    d_star_sq = np.array([ring - 0.0021, ring - 0.0019, ring, ring + 0.0019, ring + 0.0021])
    assert in_ice_ring(1 / np.sqrt(d_star_sq), 0.004).tolist() == [False, True, True, True, False]


@given(st.lists(st.floats(0.8, 50), max_size=30))
def test_ice_is_found_as_by_comparing_with_every_ring(d_spacings):
    d = np.array(d_spacings)
    expected = (np.abs(1 / d[:, None] ** 2 - ice_rings(4)[None, :]) < 0.002).any(axis=1)
    assert np.array_equal(in_ice_ring(d, 0.004), expected)


def spots_at(d, counts):
    nothing = np.zeros(len(d))
    return Spots(nothing, nothing, np.asarray(counts, float), nothing.astype(int))


def described(d, counts=None):
    d = np.asarray(d, float)
    return describe_spots(spots_at(d, np.full(d.size, 100) if counts is None else counts), d, Parameters())


def test_spots_are_counted_by_resolution_and_ice():
    analysis = described([50, 30, 5, 3.895, 3.0], [1, 10, 100, 1000, 10000])
    assert analysis[:4] == (4, 3, 2, 10110)


def test_no_spots_make_an_analysis_of_zeros():
    assert described([])[:4] == (0, 0, 0, 0)


@pytest.mark.parametrize("n", [0, 10])
def test_ten_spots_are_too_few_for_a_resolution_limit(n):
    assert described(np.linspace(5, 8, n))[4:] == (None,) * 5


def test_eleven_spots_are_enough_for_a_resolution_limit():
    analysis = described(np.linspace(5, 8, 11))
    assert None not in analysis[5:]


def test_spots_all_at_one_resolution_do_not_break_the_analysis():
    analysis = described(np.full(30, 5.0))
    assert (analysis.n_spots_total, analysis.d_min_distl_method_2) == (30, None)


def full_sphere(d_min, n=800, seed=1):
    """Spots as dense in reciprocal space everywhere up to a limit, their intensities falling with resolution."""
    rng = np.random.default_rng(seed)
    d = (rng.random(n) * d_min**-3 + 20.0**-3) ** (-1 / 3)
    counts = np.ceil(rng.exponential(4000 * np.exp(-8 / d**2))) + 5
    return d, counts


@pytest.mark.parametrize("d_min", [1.5, 2.0, 3.0])
def test_a_sharp_limit_is_found(d_min):
    d, counts = full_sphere(d_min)
    no_ice = np.zeros(d.size, np.bool_)
    assert estimate_d_min(d, counts, no_ice) == pytest.approx(d_min, rel=0.05)
    assert distl_method_2(d).d_min == pytest.approx(d_min, rel=0.1)


@pytest.mark.parametrize("d_min", [1.5, 2.0, 3.0])
def test_method_1_finds_where_the_spots_become_rare(d_min):
    d, _ = full_sphere(d_min)
    rare = np.linspace(d_min**-3, 3 * d_min**-3, 60) ** (-1 / 3)
    assert distl_method_1(np.concatenate((d, rare))).d_min == pytest.approx(d_min, rel=0.1)


def test_a_few_spots_beyond_the_limit_do_not_move_method_2():
    d, _ = full_sphere(2.0)
    beyond = np.concatenate((d, [1.4, 1.45, 1.5]))
    assert distl_method_2(beyond).d_min == pytest.approx(distl_method_2(d).d_min, rel=0.1)


def test_ice_does_not_count_in_the_estimate():
    d, counts = full_sphere(2.0)
    d_with_ice, counts_with_ice = np.append(d, np.full(40, 1.6)), np.append(counts, np.full(40, 50))
    is_ice = d_with_ice == 1.6
    assert estimate_d_min(d_with_ice, counts_with_ice, is_ice) >= d.min()


def test_the_order_of_the_spots_does_not_matter():
    d, counts = full_sphere(2.0)
    counts = counts + np.arange(d.size) / 1e3  # no ties
    order = np.random.default_rng(0).permutation(d.size)
    forward = describe_spots(spots_at(d, counts), d, Parameters())
    shuffled = describe_spots(spots_at(d, counts[order]), d[order], Parameters())
    assert shuffled == pytest.approx(forward)

from dataclasses import replace

import numpy as np
import pytest

from simulator.crystal import reciprocal_basis
from simulator.prediction import (
    absorption_depth,
    axis_factors,
    detector_position,
    incident_beam,
    polarisation,
    predict_events,
    rotate,
)

WAVELENGTH = 0.9795


@pytest.fixture(scope="module")
def events(crystal, detector):
    return predict_events(crystal, detector, WAVELENGTH)


def test_every_event_fulfils_the_laue_condition(events, crystal):
    """At its angle the reciprocal lattice vector ends on the Ewald sphere."""
    vectors = crystal.reflections.hkl[events.reflection] @ crystal.setting.T
    outgoing = rotate(vectors, np.radians(events.phi)) + incident_beam(WAVELENGTH)

    assert np.linalg.norm(outgoing, axis=1) == pytest.approx(1 / WAVELENGTH)


def test_events_lie_at_their_bragg_angle(crystal, detector):
    """Without a sensor's thickness the distance from the beam centre is distance x tan(2 theta)."""
    thin = replace(detector, sensor_mm=0.0)
    events = predict_events(crystal, thin, WAVELENGTH)
    inverse_d = np.linalg.norm(crystal.reflections.hkl[events.reflection] @ reciprocal_basis(crystal.cell).T, axis=1)
    centre_fast, centre_slow = thin.beam_centre_px
    radius_mm = np.hypot(events.fast_px - centre_fast, events.slow_px - centre_slow) * thin.pixel_mm

    assert radius_mm == pytest.approx(thin.distance_mm * np.tan(2 * np.arcsin(WAVELENGTH * inverse_d / 2)))


def test_parallax_moves_spots_outwards_by_the_absorption_depth(detector):
    """At 45 degrees the mean depth is counted along the beam."""
    direction = np.array([[0.6, 0.0, -0.8]]) / WAVELENGTH
    thick, _ = detector_position(direction, detector, WAVELENGTH)
    thin, _ = detector_position(direction, replace(detector, sensor_mm=0.0), WAVELENGTH)
    depth_mm = absorption_depth(np.array([0.8]), detector.sensor_mm, WAVELENGTH)

    assert (thick - thin) * detector.pixel_mm == pytest.approx(0.6 * depth_mm)


def test_the_absorption_depth_is_the_mean_of_the_exponential_law():
    """Numerical mean of the path, photons that pass counted at their way out."""
    path_mm = np.linspace(0, 0.5, 200_001)
    mu = 3.96
    mean_mm = np.trapezoid(path_mm * mu * np.exp(-mu * path_mm), path_mm)

    assert absorption_depth(np.array([0.9]), 0.45, WAVELENGTH) == pytest.approx(mean_mm, rel=1e-3)


def test_beams_that_go_backwards_miss_the_detector(detector):
    fast, slow = detector_position(np.array([[0.1, 0.1, 0.9]]), detector, WAVELENGTH)

    assert np.isnan([fast, slow]).all()


def test_lorentz_factor_and_zeta_in_the_plane_across_the_axis():
    """There a reflection crosses at full speed: zeta = 1, L = 1 / sin(2 theta)."""
    two_theta = np.radians(20)
    outgoing = np.array([[0, np.sin(two_theta), -np.cos(two_theta)]]) / WAVELENGTH

    zeta, lorentz = axis_factors(outgoing, WAVELENGTH)

    assert zeta == pytest.approx(1)
    assert lorentz == pytest.approx(1 / np.sin(two_theta))


def test_a_beam_polarised_along_x_does_not_scatter_along_x():
    along_x, along_y = polarisation(np.array([[1.0, 0, 0], [0, 1.0, 0]]))

    assert along_x == pytest.approx(0.01)
    assert along_y == pytest.approx(0.99)


def test_rotation_is_right_handed_about_x():
    turned = rotate(np.array([[0.0, 1.0, 0.0]]), np.array([np.pi / 2]))

    assert turned == pytest.approx(np.array([[0, 0, 1]]))


def test_angles_from_phi_wrap_around(events):
    behind = replace(events, phi=np.array([359.0, 1.0, 180.0])).from_phi(0)

    assert behind == pytest.approx([-1, 1, -180])

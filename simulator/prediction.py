"""Where and when the reflections of a turning crystal meet the detector, and how strongly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.crystal import Crystal
from simulator.detector import Detector

Floats = NDArray[np.float64]

ROTATION_AXIS = np.array([1.0, 0.0, 0.0])
"""Of the goniometer, in the imgCIF frame; right-handed."""

POLARISATION = 0.99
"""Fraction of the beam polarised along x, as at a synchrotron."""

SILICON_ABSORPTION = (3.96, 0.9795)
"""Linear absorption coefficient [1/mm] at this wavelength [Å]; it goes with its cube. Source: NIST XCOM, 12.66 keV."""

NEAR_AXIS = 0.03
"""Smallest zeta predicted: nearer to the axis a reflection smears over many degrees."""

LORENTZ_MAX = 30.0
"""Cut of the Lorentz factor, which diverges along the rotation axis."""

MARGIN_PX = 6
"""Events this far outside still spill on to the detector."""


@dataclass(frozen=True)
class Events:
    """Diffraction events of a full turn; all arrays have shape (n,).

    Attributes:
        phi: rotation angle of the maximum, 0 to 360 [degrees].
        fast_px, slow_px: centroid on the detector; a pixel's centre is its index + 0.5.
        intensity: of the whole event, Lorentz and polarisation applied [photons].
        sigma: standard deviation of the rocking curve [degrees].
        reflection: index in the crystal's `reflections`.
    """

    phi: Floats
    fast_px: Floats
    slow_px: Floats
    intensity: Floats
    sigma: Floats
    reflection: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.phi)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Events":
        return Events(**{name: values[chosen] for name, values in vars(self).items()})

    def from_phi(self, angle: float) -> Floats:
        """How far the events are behind an angle, -180 to 180 [degrees]."""
        return np.asarray((self.phi - angle + 180) % 360 - 180)


def predict_events(crystal: Crystal, detector: Detector, wavelength: float) -> Events:
    """All events of a full turn that meet the detector, at a wavelength [Å]."""
    vectors = crystal.reflections.hkl @ crystal.setting.T
    within_reach = np.flatnonzero(np.linalg.norm(vectors, axis=1) < 1 / detector.highest_resolution(wavelength))
    phi, reflection = diffracting_angles(vectors[within_reach], wavelength)
    reflection = within_reach[reflection]
    outgoing = rotate(vectors[reflection], phi) + incident_beam(wavelength)
    zeta, lorentz = axis_factors(outgoing, wavelength)
    fast_px, slow_px = detector_position(outgoing, detector, wavelength)
    events = Events(
        phi=np.degrees(phi) % 360,
        fast_px=fast_px,
        slow_px=slow_px,
        intensity=crystal.reflections.intensity[reflection] * lorentz * polarisation(outgoing * wavelength),
        sigma=crystal.mosaicity / np.maximum(zeta, NEAR_AXIS),
        reflection=reflection,
    )
    return events[(zeta > NEAR_AXIS) & on_detector(fast_px, slow_px, detector)]


def incident_beam(wavelength: float) -> Floats:
    """s0 [1/Å]: along -z in the imgCIF frame. Shape (3,)."""
    return np.array([0.0, 0.0, -1.0 / wavelength])


def diffracting_angles(vectors: Floats, wavelength: float) -> tuple[Floats, NDArray[np.int64]]:
    """Rotation angles at which reciprocal lattice vectors r cross the Ewald sphere: |s0 + r| = |s0|.

    With r split along and across the axis e, the condition 2 s0.r(phi) = -|r|^2 reads a cos phi + b sin phi = c
    and has no or two solutions.

    Args:
        vectors: at rotation angle 0 [1/Å], shape (n, 3).
        wavelength: [Å].

    Returns:
        Angles [radians] and the index of the vector each belongs to; both of shape (m,).

    Source: Arndt & Wonacott (1977), The Rotation Method in Crystallography, chapter 7.
    """
    beam = incident_beam(wavelength)
    along = np.outer(vectors @ ROTATION_AXIS, ROTATION_AXIS)
    a = (vectors - along) @ beam
    b = np.cross(ROTATION_AXIS, vectors) @ beam
    c = -np.sum(vectors**2, axis=1) / 2 - along @ beam
    crossing = np.flatnonzero(np.hypot(a, b) > np.abs(c))
    middle = np.arctan2(b[crossing], a[crossing])
    half = np.arccos(c[crossing] / np.hypot(a[crossing], b[crossing]))
    return np.concatenate([middle + half, middle - half]), np.concatenate([crossing, crossing])


def rotate(vectors: Floats, phi: Floats) -> Floats:
    """Vectors, shape (n, 3), each turned about the rotation axis by its own angle [radians], shape (n,)."""
    along = np.outer(vectors @ ROTATION_AXIS, ROTATION_AXIS)
    cosine, sine = np.cos(phi)[:, None], np.sin(phi)[:, None]
    return np.asarray(along + (vectors - along) * cosine + np.cross(ROTATION_AXIS, vectors) * sine)


def axis_factors(outgoing: Floats, wavelength: float) -> tuple[Floats, Floats]:
    """How slowly each event crosses the Ewald sphere: zeta = |e.(s1 x s0)| / |s1 x s0|, and the Lorentz factor.

    Source: Kabsch (2010), Acta Cryst. D66, 133-144.
    """
    normal = np.cross(outgoing, incident_beam(wavelength))
    speed = np.abs(normal @ ROTATION_AXIS)
    zeta = speed / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    return zeta, np.minimum(1 / np.maximum(speed * wavelength**2, 1e-9), LORENTZ_MAX)


def polarisation(direction: Floats) -> Floats:
    """Polarisation factor of unit vectors, shape (n, 3), for a beam polarised along x."""
    across, up = direction[:, 0] ** 2, direction[:, 1] ** 2
    return np.asarray(POLARISATION * (1 - across) + (1 - POLARISATION) * (1 - up))


def detector_position(outgoing: Floats, detector: Detector, wavelength: float) -> tuple[Floats, Floats]:
    """Fast and slow pixel coordinates where scattered beams s1 [1/Å], shape (n, 3), are counted; nan if backwards.

    Photons are counted where they are absorbed, on average some way into the sensor: the parallax shift.
    """
    direction = outgoing * wavelength
    cosine = np.where(direction[:, 2] < 0, -direction[:, 2], np.nan)
    path_mm = detector.distance_mm / cosine + absorption_depth(cosine, detector.sensor_mm, wavelength)
    centre_fast, centre_slow = detector.beam_centre_px
    fast = direction[:, 0] * path_mm / detector.pixel_mm + centre_fast
    slow = -direction[:, 1] * path_mm / detector.pixel_mm + centre_slow
    return fast, slow


def absorption_depth(cosine: Floats, sensor_mm: float, wavelength: float) -> Floats:
    """Mean path in a silicon sensor before absorption [mm], the photons that pass counted at their way out.

    Source: ParallaxCorrectedPxMmStrategy of dxtbx; Hülsen et al. (2006), J. Appl. Cryst. 39, 550-557.
    """
    coefficient, at_wavelength = SILICON_ABSORPTION
    mu = coefficient * (wavelength / at_wavelength) ** 3
    through_mm = sensor_mm / cosine
    return np.asarray(1 / mu - (through_mm + 1 / mu) * np.exp(-mu * through_mm))


def on_detector(fast_px: Floats, slow_px: Floats, detector: Detector) -> NDArray[np.bool_]:
    """Whether positions lie on the detector or spill on to it."""
    slow, fast = detector.shape
    near_fast = (fast_px > -MARGIN_PX) & (fast_px < fast + MARGIN_PX)
    return np.asarray(near_fast & (slow_px > -MARGIN_PX) & (slow_px < slow + MARGIN_PX))

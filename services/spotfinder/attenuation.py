"""How fast sensor materials absorb X-rays."""

import math
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np

Material = Literal["Si", "CdTe", "GaAs"]

KEV_ANGSTROM: Final = 12.398419843320026  # Planck's constant times the speed of light


class Absorber(NamedTuple):
    """Density [g/cm³], and photon energies [keV] with their mass attenuation coefficients [cm²/g]."""

    density: float
    energy_kev: tuple[float, ...]
    mu_rho: tuple[float, ...]


# An absorption edge is an energy given twice, below and above it.
# Source: Hubbell & Seltzer, X-ray mass attenuation coefficients, NISTIR 5632; densities as in cctbx.
ABSORBERS: Final[dict[Material, Absorber]] = {
    "Si": Absorber(
        2.33,
        (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100),
        (2777, 978.4, 452.9, 245.0, 147.0, 64.68, 33.89, 10.34, 4.464, 1.436, 0.7012, 0.4385, 0.3207, 0.2228, 0.1835),
    ),
    "CdTe": Absorber(
        6.2,
        (5, 6, 8, 10, 15, 20, 26.711, 26.711, 30, 31.814, 31.814, 40, 50, 60, 80, 100),
        (839.2, 528.6, 249.2, 138.1, 46.57, 21.44, 9.834, 29.43, 21.82, 18.73, 34.92, 19.3, 10.67, 6.542, 3.019, 1.671),
    ),
    "GaAs": Absorber(
        5.32,
        (5, 6, 8, 10, 10.3671, 10.3671, 11.0916, 11.8667, 11.8667, 15, 20, 30, 40, 50, 60, 80, 100),
        (
            249.5,
            152.4,
            69.6,
            37.8,
            34.25,
            126,
            105.9,
            88.99,
            168.5,
            92.2,
            42.58,
            13.97,
            6.262,
            3.365,
            2.042,
            0.9587,
            0.5598,
        ),
    ),
}


@lru_cache(maxsize=64)  # every collection may have a wavelength of its own
def attenuation(material: Material, wavelength_angstrom: float) -> float:
    """Linear attenuation coefficient [1/mm], interpolated on logarithmic scales.

    Raises:
        ValueError: if the photon energy lies outside the table.
    """
    absorber = ABSORBERS[material]
    energy_kev = KEV_ANGSTROM / wavelength_angstrom
    if not absorber.energy_kev[0] <= energy_kev <= absorber.energy_kev[-1]:
        raise ValueError(f"no attenuation of {material} known at {energy_kev:.3g} keV")
    log_mu_rho = np.interp(math.log(energy_kev), np.log(absorber.energy_kev), np.log(absorber.mu_rho))
    return float(np.exp(log_mu_rho)) * absorber.density / 10

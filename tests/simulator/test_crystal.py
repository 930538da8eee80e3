from dataclasses import replace

import numpy as np
import pytest

from simulator.crystal import SPACE_GROUPS, Crystal, is_absent, is_centric, reciprocal_basis


def present(group, *hkl):
    return not is_absent(np.array([hkl]), SPACE_GROUPS[group])[0]


@pytest.mark.parametrize("group", ["P41212", "P43212"])
def test_a_fourfold_screw_leaves_every_fourth_axial_reflection(group):
    assert [order for order in range(1, 13) if present(group, 0, 0, order)] == [4, 8, 12]
    assert [order for order in range(1, 9) if present(group, order, 0, 0)] == [2, 4, 6, 8]
    assert [order for order in range(1, 9) if present(group, 0, -order, 0)] == [2, 4, 6, 8]
    assert present(group, 1, 0, 1)


def test_a_crystal_has_no_absent_reflections(crystal):
    hkl = crystal.reflections.hkl
    along_c = hkl[(hkl[:, :2] == 0).all(axis=1), 2]

    assert len(along_c) > 0
    assert (along_c % 4 == 0).all()


def test_symmetry_mates_are_equally_strong(crystal):
    strength = dict(zip(map(tuple, crystal.reflections.hkl), crystal.reflections.intensity, strict=True))

    mates = [strength[mate] for mate in ((5, 2, 3), (2, 5, 3), (-5, 2, -3), (-2, 5, 3), (-5, -2, -3))]

    assert mates == pytest.approx([mates[0]] * 5)
    assert strength[(5, 2, 4)] != pytest.approx(mates[0])


def test_orthorhombic_crystals_do_not_swap_a_and_b():
    crystal = Crystal((50, 60, 70, 90, 90, 90), "P212121", d_min=5)
    strength = dict(zip(map(tuple, crystal.reflections.hkl), crystal.reflections.intensity, strict=True))

    assert strength[(5, 2, 3)] == strength[(-5, 2, 3)] != strength[(2, 5, 3)]


def test_intensities_obey_wilsons_statistics():
    """The second moment of E squared is 2 for acentric and 3 for centric reflections."""
    crystal = Crystal((57.8, 57.8, 150.2, 90, 90, 90), "P41212", d_min=2.0, wilson_b=0)
    hkl, intensity = crystal.reflections
    unique = (hkl[:, 0] >= hkl[:, 1]) & (hkl >= 0).all(axis=1)
    narrow = unique & (np.linalg.norm(hkl @ reciprocal_basis(crystal.cell).T, axis=1) > 1 / 2.4)
    centric = is_centric(hkl[narrow], SPACE_GROUPS["P41212"])

    def moment(values):
        return np.mean(values**2) / np.mean(values) ** 2

    assert moment(intensity[narrow][~centric]) == pytest.approx(2, abs=0.15)
    assert moment(intensity[narrow][centric]) == pytest.approx(3, abs=0.5)


def test_the_b_factor_weakens_intensities_with_resolution(crystal):
    sharp, blunt = replace(crystal, wilson_b=10).reflections, replace(crystal, wilson_b=30).reflections
    inverse_d = np.linalg.norm(sharp.hkl @ reciprocal_basis(crystal.cell).T, axis=1)

    assert blunt.intensity == pytest.approx(sharp.intensity * np.exp(-20 * inverse_d**2 / 2))


def test_the_reciprocal_basis_inverts_the_cell():
    """Source of the expected value: V = abc sqrt(1 - cos² - cos² - cos² + 2 cos cos cos)."""
    a, b, c = 30, 40, 50
    cosines = np.cos(np.radians([80, 95, 105]))
    volume = a * b * c * np.sqrt(1 - np.sum(cosines**2) + 2 * np.prod(cosines))
    direct = np.linalg.inv(reciprocal_basis((a, b, c, 80, 95, 105)))

    assert np.linalg.norm(direct, axis=1) == pytest.approx([a, b, c])
    assert np.linalg.det(direct) == pytest.approx(volume)
    assert direct[1] @ direct[2] / (b * c) == pytest.approx(cosines[0])


def test_orientations_are_rotations_drawn_by_the_seed(crystal):
    other = replace(crystal, seed=crystal.seed + 1)

    assert crystal.orientation @ crystal.orientation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(crystal.orientation) == pytest.approx(1)
    assert np.array_equal(crystal.orientation, replace(crystal).orientation)
    assert not np.allclose(crystal.orientation, other.orientation)


def test_an_unknown_space_group_is_refused():
    with pytest.raises(ValueError, match="'P1' is none of"):
        Crystal((50, 60, 70, 90, 90, 90), "P1", d_min=5)

"""Resolution limits: each kernel against its definition, compiled and as plain Python."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra.numpy import arrays

from services.spotfinder.kernels import limits
from services.spotfinder.kernels.limits import NO_SHELL, OUTLIER_AMPLITUDE
from tests.spotfinder.kernels.exposures import both

seeds = st.integers(0, 2**32)
sizes = st.integers(11, 120)
few_values = st.lists(st.integers(0, 9), min_size=2, max_size=30).map(lambda values: np.array(values, float))


@st.composite
def spots(draw):
    """Resolutions, some of them the same; counts; and whether each is ice."""
    rng, n = np.random.default_rng(draw(seeds)), draw(sizes)
    d = (rng.random(n) * draw(st.sampled_from([1.2, 2.0, 4.0])) ** -3 + 20.0**-3) ** (-1 / 3)
    if draw(st.booleans()):
        d = d.round(1)
    return d, np.ceil(rng.exponential(4000 * np.exp(-8 / d**2))) + 5, rng.random(n) < draw(st.sampled_from([0.0, 0.3]))


@st.composite
def shelves(draw):
    """Counts, whether each is ice, and the shell each is in."""
    _, counts, is_ice = draw(spots())
    n_shells = draw(st.integers(1, 6))
    return counts, is_ice, np.random.default_rng(draw(seeds)).integers(NO_SHELL, n_shells, counts.size), n_shells


def shells_by_definition(values):
    n_shells = max(min(values.size // 20, 20), 5)
    ranks = [0] + [int(np.floor((i + 1) * (values.size / n_shells) + 0.5)) - 1 for i in range(n_shells)]
    return np.sort(values)[ranks]


def outliers_by_definition(counts, is_ice):
    is_outlier = np.zeros(counts.size, np.bool_)
    while not (is_ice | is_outlier).all():
        mean = counts[~is_ice & ~is_outlier].mean()
        more = ~is_outlier & (np.sqrt(counts) / np.sqrt(mean) >= OUTLIER_AMPLITUDE)
        if not more.any():
            break
        is_outlier |= more
    return is_outlier


def percentiles_by_definition(members, counts):
    """Weak and strong one; the first of equal ones ranks lower."""
    ranked = members[np.argsort(counts[members], kind="stable")]
    return ranked[int(0.1 * ranked.size)], ranked[int(0.9 * ranked.size)]


def furthest_by_definition(d_star_sq, counts, is_ice):
    is_outlier, picked = np.zeros(counts.size, np.bool_), []
    for low, high in pairwise(shells_by_definition(d_star_sq)):
        shell = (d_star_sq > low) & (d_star_sq <= high)
        is_outlier[shell] = outliers_by_definition(counts[shell], is_ice[shell])
        members = np.flatnonzero(shell & ~is_outlier & ~is_ice)
        if members.size:
            picked.append(percentiles_by_definition(members, counts))
    weak, strong = np.array(picked).T
    if np.array_equal(weak, strong):
        return 0  # one line instead of two tells nothing
    assume(len(set(d_star_sq[weak])) > 1 < len(set(d_star_sq[strong])))
    log_signal = np.log(counts) / 2
    slope, intercept = np.polyfit(d_star_sq[weak], log_signal[strong], 1)
    distance = slope * d_star_sq + intercept - log_signal
    assume(np.abs(distance).min() > 1e-9)  # off the knife edge, where rounding decides
    return d_star_sq[(distance > 0) & ~is_outlier & ~is_ice].max(initial=0)


@both(limits.equal_shells)
@given(values=arrays(np.float64, st.integers(11, 900), elements=st.floats(0.01, 1)))
def test_shells_hold_equally_many(equal_shells, values):
    assert equal_shells(np.sort(values)).tolist() == shells_by_definition(values).tolist()


@both(limits.mark_outliers)
@given(shelf=shelves())
def test_outliers_are_too_strong_for_their_shell(mark_outliers, shelf):
    counts, is_ice, shells, n_shells = shelf
    is_outlier = np.zeros(counts.size, np.bool_)
    mark_outliers(counts, is_ice, shells, n_shells, is_outlier)
    for shell in range(n_shells):
        inside = shells == shell
        assert np.array_equal(is_outlier[inside], outliers_by_definition(counts[inside], is_ice[inside]))
    assert not is_outlier[shells == NO_SHELL].any()


@both(limits.pick_percentiles)
@given(shelf=shelves())
def test_one_weak_and_one_strong_spot_stand_for_each_shell(pick_percentiles, shelf):
    counts, is_left_out, shells, n_shells = shelf
    is_left_out |= shells == NO_SHELL
    weak, strong = np.full((2, n_shells), -1)
    pick_percentiles(np.argsort(counts, kind="stable"), shells, is_left_out, weak, strong)
    for shell in range(n_shells):
        members = np.flatnonzero((shells == shell) & ~is_left_out)
        assert (weak[shell], strong[shell]) == (
            percentiles_by_definition(members, counts) if members.size else (-1, -1)
        )


@both(limits.fit_line)
@given(x=few_values, seed=seeds)
def test_a_line_is_fitted_by_least_squares(fit_line, x, seed):
    assume(x.min() < x.max())
    y = np.random.default_rng(seed).random(x.size)
    assert fit_line(x, y) == pytest.approx(np.polyfit(x, y, 1), abs=1e-9)


@both(limits.fit_line)
@pytest.mark.parametrize("x", [[], [3.0], [2.0, 2.0, 2.0]])
def test_points_at_one_place_have_no_line(fit_line, x):
    assert fit_line(np.array(x), np.arange(len(x)) / 2) == (0, 0)


@both(limits.furthest_with_signal)
@given(spots=spots())
def test_the_furthest_spot_below_the_line_is_found(furthest_with_signal, spots):
    d, counts, is_ice = spots
    d_star_sq = 1 / d**2
    expected = furthest_by_definition(d_star_sq, counts, is_ice)
    by_counts = np.argsort(counts, kind="stable")
    assert furthest_with_signal(d_star_sq, counts, is_ice, np.sort(d_star_sq), by_counts) == expected


@both(limits.furthest_with_signal)
def test_ice_alone_tells_nothing(furthest_with_signal):
    values = np.arange(1.0, 31.0)
    assert furthest_with_signal(values, values, np.ones(30, np.bool_), values, np.arange(30)) == 0


@both(limits.fraction_not_falling)
@given(values=few_values)
def test_pairs_that_do_not_fall_are_counted(fraction_not_falling, values):
    pairs = list(combinations(values, 2))
    assert fraction_not_falling(values) == pytest.approx(sum(a <= b for a, b in pairs) / len(pairs))


@both(limits.bend_of_ranks)
@given(spots=spots())
def test_the_bend_hangs_nearly_as_far_below_the_chord_as_any_point(bend_of_ranks, spots):
    rising = np.unique(spots[0])
    assume(rising.size > 10)
    step = max(2, -(-rising.size // 40))
    chosen = rising[::-1][: rising.size // step * step : step]
    d_star_cubed = chosen**-3
    slopes = (d_star_cubed[1:] - d_star_cubed[0]) / np.arange(1, chosen.size)
    end = slopes[3:].argmax() + 4
    chord = np.array([end, d_star_cubed[end] - d_star_cubed[0]])
    points = np.column_stack((np.arange(end), d_star_cubed[:end] - d_star_cubed[0]))
    gaps = np.abs(points[:, 0] * chord[1] - points[:, 1] * chord[0]) / np.hypot(*chord)
    limit = gaps.max() - gaps.std(ddof=1) / 2
    assume(np.abs(gaps - limit).min() > 1e-9)
    d_min, noisiness = bend_of_ranks(rising)
    assert d_min == chosen[:end][(gaps > limit) | (gaps == gaps.max())][-1]
    assert noisiness == pytest.approx(np.mean([a >= b for a, b in combinations(slopes, 2)]))


@both(limits.equal_volumes)
@given(spots=spots())
def test_shells_have_equal_volumes_from_the_first_spot_to_the_last(equal_volumes, spots):
    rising = np.unique(spots[0])
    edges = equal_volumes(rising)
    volumes = np.diff(edges**-3)
    assert (edges[0], edges[-1]) == (rising[-1], rising[0])
    assert volumes == pytest.approx(np.full(volumes.size, volumes.mean()), rel=1e-6)
    n_first = min(max(25, 0.05 * rising.size), 0.25 * rising.size)
    assert volumes.size in {20, 40} or (rising >= edges[1] * (1 - 1e-9)).sum() <= n_first + 1


@both(limits.edge_of_empty_shells)
@given(spots=spots())
def test_the_first_two_shells_almost_without_spots_end_the_data(edge_of_empty_shells, spots):
    d = spots[0]
    edges = limits.equal_volumes(np.unique(d))  # the spot of lowest resolution is in no shell
    counts = [int(((d < outer) & (d >= inner)).sum()) for outer, inner in pairwise(edges)]
    few = 0.15 * (counts[0] + counts[1]) / 2
    empty = [i for i, pair in enumerate(pairwise(counts)) if max(pair) < few]
    d_min, noisiness = edge_of_empty_shells(np.sort(d))
    assert d_min == edges[empty[0] + 1 if empty else len(counts) - 1]
    assert noisiness == pytest.approx(np.mean([a <= b for a, b in combinations(counts, 2)]))
    assert sum(counts) == (d < d.max()).sum()

from dataclasses import replace

import numpy as np
import pytest

from simulator.detector import Detector
from simulator.exposures import expected_counts, expose, rotation_slice, still
from simulator.prediction import Events


def events(phi, intensity=1000.0, sigma=0.2):
    n = len(phi)
    return Events(
        phi=np.array(phi, float),
        fast_px=np.full(n, 300.0),
        slow_px=np.full(n, 400.0),
        intensity=np.full(n, intensity),
        sigma=np.full(n, sigma),
        reflection=np.arange(n),
    )


def test_slices_of_a_rotation_share_an_event_completely():
    slices = [rotation_slice(events([10.13]), 5 + 0.5 * n, 0.5, 0.9) for n in range(20)]

    counts = [part.counts.sum() for part in slices]
    assert sum(counts) == pytest.approx(1000, rel=1e-3)
    assert np.argmax(counts) == 10


def test_an_event_at_the_turn_of_the_circle_is_seen_from_both_sides():
    before, after = (rotation_slice(events([0.0]), start, 1.0, 0.9).counts for start in (359.0, 0.0))

    assert before == pytest.approx([500], rel=1e-3)
    assert after == pytest.approx([500], rel=1e-3)


def test_a_short_still_records_its_part_of_the_rocking_curve():
    """A still equals a slice of the same duration if that is short against the mosaicity."""
    at = 10.1
    part = still(events([10.0]), at, 0.01, 0.9).counts

    assert part == pytest.approx(rotation_slice(events([10.0]), at - 0.005, 0.01, 0.9).counts, rel=1e-3)


def test_faint_and_distant_events_are_left_out():
    assert len(still(events([10.0, 20.0]), 10.0, 0.1, 0.9).events) == 1
    assert len(still(events([10.0], intensity=0.1), 10.0, 0.1, 0.9).events) == 0


def test_scale_is_the_part_of_the_crystal_in_the_beam():
    whole, half = (still(events([10.0]), 10.0, 0.1, 0.9, scale).counts for scale in (1.0, 0.5))

    assert half == pytest.approx(whole / 2)


def test_expected_counts_add_background_and_shaded_spots():
    detector = Detector(model="500K")
    fast, slow = detector.beam_centre_px
    free = still(events([10.0]), 10.0, 0.1, 0.9)
    shaded = free._replace(events=replace(free.events, fast_px=np.array([fast]), slow_px=np.array([slow])))
    behind = np.full(detector.shape, 0.25)

    added = expected_counts(behind, [free, shaded], detector).sum() - behind.sum()

    assert added == pytest.approx(free.counts.sum() * (1 + detector.shadow_transmission), rel=1e-6)
    assert behind.max() == 0.25


def test_exposures_are_decided_by_their_random_numbers():
    detector = Detector(model="500K")
    expected = np.full(detector.shape, 0.5)
    first, again, other = (expose(expected, detector, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first == 65535, detector.mask != 0)


def test_images_of_32_bits_hold_the_same_counts_as_those_of_16():
    narrow, wide = (Detector(model="500K", bit_depth=bits) for bits in (16, 32))
    expected = np.full(narrow.shape, 0.5)
    short, long = (expose(expected, detector, np.random.default_rng(1)) for detector in (narrow, wide))

    valid = narrow.mask == 0
    assert (short.dtype, long.dtype) == (np.uint16, np.uint32)
    assert np.array_equal(short[valid], long[valid])
    assert (long[~valid] == 2**32 - 1).all()
    assert (narrow.saturation, wide.saturation) == (2**16 - 3, 2**32 - 3)

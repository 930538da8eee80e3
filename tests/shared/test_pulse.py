"""What a beat says of its process."""

from shared.pulse import Pulse


def test_a_beat_tells_how_long_the_commits_since_the_last_one_took():
    times = [[0.001, 0.009, 0.002], []]
    pulse = Pulse("writer", commit_times_s=lambda: times.pop(0))

    first, second = pulse.beat(5), pulse.beat(5)

    assert (first.commits, first.commit_median_ms, first.commit_longest_ms) == (3, 2.0, 9.0)
    assert (second.commits, second.commit_median_ms, second.commit_longest_ms) == (0, None, None)


def test_a_service_that_does_not_measure_its_commits_tells_none():
    assert Pulse("writer").beat(5).commits == 0

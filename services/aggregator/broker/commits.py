"""How long COMMITs take, by what the services say in their beats. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from shared.messages import ServiceBeat

WINDOW = timedelta(minutes=5)
LEAST_COMMITS = 20  # fewer say more about a moment than about the broker


@dataclass(frozen=True, slots=True)
class ServiceCommits:
    """COMMITs of one service, all its processes, within the last five minutes.

    Attributes:
        median_ms: median of the beats' medians, each as often as it had COMMITs [ms].
    """

    service: str
    n: int
    median_ms: float
    longest_ms: float


class CommitLog:
    """The beats of the last five minutes, as far as they tell of COMMITs."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], deque[tuple[datetime, ServiceBeat]]] = {}

    def follow(self, beat: ServiceBeat, at: datetime) -> None:
        """Take in one beat, heard at a moment; the number of those kept is bounded, whatever the clock does."""
        beats = self._heard.setdefault((beat.service, beat.instance), deque())
        beats.append((at, beat))
        while len(beats) > ceil(WINDOW.total_seconds() / beat.interval_s):
            beats.popleft()
        self._heard = {process: beats for process, beats in self._heard.items() if at - beats[-1][0] < WINDOW}

    def recent(self, now: datetime) -> tuple[ServiceCommits, ...]:
        """Every service that has committed, in the order of their names."""
        services = sorted({service for service, _ in self._heard})
        each = ((service, list(self._beats(service, now))) for service in services)
        return tuple(_sum_up(service, beats) for service, beats in each if beats)

    def _beats(self, service: str, now: datetime) -> Iterator[ServiceBeat]:
        for (name, _), beats in self._heard.items():
            if name == service:
                yield from (beat for at, beat in beats if beat.commits and now - at < WINDOW)


def _sum_up(service: str, beats: list[ServiceBeat]) -> ServiceCommits:
    medians = sorted((beat.commit_median_ms or 0.0, beat.commits) for beat in beats)
    n = sum(commits for _, commits in medians)
    return ServiceCommits(service, n, _weighted_median(medians, n), max(b.commit_longest_ms or 0.0 for b in beats))


def _weighted_median(values: list[tuple[float, int]], n: int) -> float:
    """The value in the middle of sorted values that each occur so often, ``n`` times altogether."""
    passed = 0
    for value, times in values:
        passed += times
        if 2 * passed >= n:
            return value
    raise ValueError("a median of nothing")

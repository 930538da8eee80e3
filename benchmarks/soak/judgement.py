"""What may grow and what may not, and whether it did: first tenth beside last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from scipy.stats import theilslopes

LIMIT = 1.2
PER_THOUSAND = 1000
LEAST_POINTS, LEAST_TENTH = 8, 3


class Rule(StrEnum):
    """How a row is judged."""

    FLAT = "flat"  # may not grow
    KEPT = "per collection"  # may grow by as much for each collection as before
    TOLD = "not judged"  # steps of its own, such as a file that grows by chunks; another row judges the same


@dataclass(frozen=True)
class Row:
    """One figure that is measured again and again.

    Attributes:
        group: rows of a group share a panel of the plot.
        floor: growth below it does not count, in the row's unit; of a row ``KEPT``, for each collection.
        by_clock: whether others who work on the machine make it longer.
    """

    group: str
    name: str
    unit: str
    floor: float
    rule: Rule = Rule.FLAT
    by_clock: bool = False

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


class Point(NamedTuple):
    """One value of a row, and how many collections the mesh had done by then."""

    n_collections: int
    value: float


@dataclass(frozen=True)
class Finding:
    """What became of one row.

    Attributes:
        first, last: medians of the first and the last tenth; of a row ``KEPT``, what a collection added in the first
            and in the last half.
        slope: median of the slopes between any two points (Theil and Sen), per 1,000 collections; a few points that lie
            far off do not turn it.
        grown: whether that is too much.
        disturbed: whether it is not judged, since others took more of the machine in the end.
    """

    row: Row
    first: float
    last: float
    slope: float
    grown: bool
    disturbed: bool = False

    @property
    def ratio(self) -> float | None:
        """Last over first; None if there was nothing first."""
        return self.last / self.first if self.first > 0 else None


def judge(row: Row, points: Sequence[Point]) -> Finding | None:
    """None of too few points to say anything.

    A row that may not grow has grown if the medians of the tenths and the slope both say so: other people's work on the
    machine in the last minute alone is no growth.
    """
    if len(points) < LEAST_POINTS or points[0].n_collections == points[-1].n_collections:
        return None
    slope = _slope(points)
    if row.rule is Rule.KEPT:
        middle = len(points) // 2
        first, last = _added(points[: middle + 1]), _added(points[middle:])
        return Finding(row, first, last, PER_THOUSAND * slope, _exceeds(row, first, last))
    n = max(LEAST_TENTH, round(len(points) / 10))
    first, last = (median(point.value for point in part) for part in (points[:n], points[-n:]))
    rise = slope * (points[-1].n_collections - points[0].n_collections)
    grown = row.rule is Rule.FLAT and _exceeds(row, first, last) and _exceeds(row, first, first + rise)
    return Finding(row, first, last, PER_THOUSAND * slope, grown)


def excuse(findings: Sequence[Finding], others: Row, more: float) -> list[Finding]:
    """Times by the clock are not judged if others, whose row that is, took so much more in the end."""
    disturbed = any(finding.last - finding.first > more for finding in findings if finding.row == others)
    return [
        replace(finding, grown=False, disturbed=True) if disturbed and finding.row.by_clock else finding
        for finding in findings
    ]


def _exceeds(row: Row, first: float, last: float) -> bool:
    return last > LIMIT * first and last - first > row.floor


def _slope(points: Sequence[Point]) -> float:
    done, values = zip(*points, strict=True)
    return float(theilslopes(values, done).slope)


def _added(points: Sequence[Point]) -> float:
    """What each collection added; what was removed meanwhile is not taken off."""
    added = sum(max(0.0, after.value - before.value) for before, after in pairwise(points))
    return added / max(1, points[-1].n_collections - points[0].n_collections)

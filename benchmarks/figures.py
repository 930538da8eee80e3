"""What a measurement found, beside its goal."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        goal: at most so much; at least, if ``at_least``; None: it has none.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def __str__(self) -> str:
        said = f"{self.name:58} {self.value:9.3f} {self.unit:10}"
        if self.goal is None:
            return said
        return f"{said} goal {'>=' if self.at_least else '<='} {self.goal:g}: {'met' if self.met else 'MISSED'}"


@dataclass
class Section:
    """One question of the benchmark and its answer.

    Attributes:
        lines: a table, or remarks.
        data: everything measured, for JSON and the plot.
        load: load average of the machine at the end, over the last minute.
    """

    title: str
    figures: list[Figure] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def __str__(self) -> str:
        title = f"{self.title}   (load average {self.load:.1f} on {os.cpu_count()} cores)"
        return "\n".join(["", title, *(f"  {line}" for line in (*self.lines, *map(str, self.figures)))])


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of all do not exceed, interpolated."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def latencies(name: str, values: Sequence[float], goals: dict[int, float]) -> list[Figure]:
    """Median and 98th percentile [s]."""
    return [Figure(f"{name}, p{p}", percentile(values, p), "s", goals.get(p)) for p in (50, 98)]

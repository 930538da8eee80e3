"""What was measured: CPU times by row, whose spots are equal, and the goals beside them."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from pydantic import BaseModel, Field

from benchmarks.spotfinder.names import DIALS_FIND_SPOTS, LIBRARIES, OURS


class Row(BaseModel):
    """CPU times of one piece of work; a list of passes over the images for each round, each the mean per image [ms]."""

    rounds: list[list[float]] = []
    remark: str = ""

    @property
    def best_ms(self) -> float:
        """The quietest pass."""
        return min(min(passes) for passes in self.rounds)

    @property
    def median_ms(self) -> float:
        """Of the rounds' quietest passes."""
        return median(min(passes) for passes in self.rounds)


class Equality(BaseModel):
    """How far our spots and figures are those of DIALS."""

    images: int
    equal_images: int
    spots: int = Field(description="found by either")
    equal_spots: int = Field(description="found by both: centroids within 1e-3 px, the same counts")
    our_counts: float = Field(description="summed over all spots [counts]")
    dials_counts: float = Field(description="summed over all spots [counts]")


class SetFigures(BaseModel):
    """One set: what its images are, and what the competitors took."""

    name: str
    title: str
    n_images: int
    shape: tuple[int, int]
    dtype: str
    counts_per_px: float = Field(description="mean over the valid pixels")
    counts_range: tuple[float, float] = Field(description="of the darkest and the brightest image")
    spots_per_image: float
    spots_range: tuple[int, int]
    bytes_per_px: float = Field(description="of a chunk")
    rows: dict[str, Row] = {}
    absent: dict[str, str] = Field(default={}, description="who did not take part, and why")
    equality: Equality | None = None

    @property
    def floor(self) -> str:
        """The fastest library that decompresses these chunks; empty if none was measured."""
        measured = (name for name in LIBRARIES if name in self.rows)
        return min(measured, key=lambda name: self.rows[name].best_ms, default="")

    def multiple(self, row: str, of: str) -> float | None:
        """How often the time of one row holds that of another; None if one of them was not measured."""
        if row not in self.rows or of not in self.rows:
            return None
        return self.rows[row].best_ms / self.rows[of].best_ms

    @property
    def x_floor(self) -> float | None:
        """Our time in multiples of the floor."""
        return self.multiple(OURS, self.floor)

    @property
    def x_dials(self) -> float | None:
        """How much faster than DIALS we are."""
        return self.multiple(DIALS_FIND_SPOTS, OURS)


class Rate(BaseModel):
    """What a pool of workers did in one round, reading included."""

    images_per_s: float
    cpu_ms: float = Field(description="CPU time of all workers per image [ms]")


class WorkerFigures(BaseModel):
    """Worker processes on one set."""

    name: str
    idle_mb: float = Field(description="largest resident memory of a worker that has had no image yet [MB]")
    peak_mb: float = Field(description="largest resident memory of a worker that has had all [MB]")
    rates: dict[int, list[Rate]] = Field(description="of each round, by number of workers")

    def images_per_s(self, workers: int) -> float:
        """So many workers in their best round."""
        return max(rate.images_per_s for rate in self.rates[workers])

    @property
    def speedup(self) -> float:
        """Two workers over one."""
        return self.images_per_s(2) / self.images_per_s(1)

    @property
    def cpu_speedup(self) -> float:
        """The same if each had a core of its own: what two lose by each other's caches and locks, on a busy machine."""
        alone, together = (min(rate.cpu_ms for rate in self.rates[count]) for count in (1, 2))
        return 2 * alone / together


class Report(BaseModel):
    """Everything of one run."""

    date: str
    machine: str
    commit: str
    load_before: float
    load_after: float = 0.0
    sets: list[SetFigures] = []
    workers: list[WorkerFigures] = []

    def by_name(self) -> dict[str, SetFigures]:
        """The sets by their names."""
        return {figures.name: figures for figures in self.sets}


class Goal(NamedTuple):
    """What is wanted on some sets."""

    title: str
    sets: tuple[str, ...]
    x_floor: float
    x_dials: float


GOALS = (
    Goal("EIGER 4M uint16, 0.05-0.3 counts/px", ("4M-u16",), 1.3, 60),
    Goal("EIGER 16M uint16, same", ("16M-u16",), 1.0, 120),
    Goal("EIGER 16M uint32", ("16M-u32",), 1.0, 120),
    Goal("an image full of spots (300 per megapixel)", ("1M-full", "4M-full"), 3.0, 30),
    Goal("bright, 2-4 counts/px (real PILATUS 6M, simulated 4M)", ("pilatus", "4M-2", "4M-4"), 3.5, 25),
)
PEAK_MB, SPEEDUP = 300, 1.85
"""Goals for a worker at 16M, and for two of them."""


def goals_of(sets: Iterable[SetFigures]) -> list[tuple[Goal, SetFigures]]:
    """Each measured set that has a goal, in the order of the goals."""
    by_name = {figures.name: figures for figures in sets}
    return [(goal, by_name[name]) for goal in GOALS for name in goal.sets if name in by_name]

"""The figures as tables on a terminal."""

from collections.abc import Iterable

from rich.table import Table

from benchmarks.spotfinder.figures import PEAK_MB, SPEEDUP, Report, SetFigures, goals_of
from benchmarks.spotfinder.names import BITSHUFFLE, DIALS_FIND_SPOTS, OURS


def set_table(figures: SetFigures) -> Table:
    """Every row of one set, and what the set is."""
    table = Table("", "ms", "median", "x floor", "DIALS find_spots is", "remark", title=title(figures))
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, row in sorted(figures.rows.items(), key=lambda item: item[1].best_ms):
        floor, dials = figures.multiple(name, figures.floor), figures.multiple(DIALS_FIND_SPOTS, name)
        label = f"{name} (floor)" if name == figures.floor else name
        cells = (f"{row.best_ms:.2f}", f"{row.median_ms:.2f}", multiple(floor), multiple(dials, "x"))
        table.add_row(label, *cells, row.remark)
    for name, reason in figures.absent.items():
        table.add_row(f"{name}: absent", "", "", "", "", reason)
    return table


def title(figures: SetFigures) -> str:
    """What the images are, as measured; whether the spots are DIALS'."""
    low, high = figures.spots_range
    spots = f"{figures.spots_per_image:.0f} spots ({low}-{high})"
    images = f"{figures.n_images} images, {figures.counts_per_px:.3g} counts/px, {spots}"
    chunks = f"{figures.bytes_per_px:.3f} bytes/px compressed; CPU time per image"
    return "\n".join([f"{figures.name}: {figures.title}", f"{images}, {chunks}", *verdict(figures)])


def verdict(figures: SetFigures) -> list[str]:
    """Whether our spots are those of DIALS; nothing if they were not compared."""
    same = figures.equality
    if same is None:
        return []
    counts = f"{same.our_counts:.0f} and {same.dials_counts:.0f} counts in them"
    return [f"as DIALS: {same.equal_images}/{same.images} images, {same.equal_spots}/{same.spots} spots, {counts}"]


def goal_table(sets: Iterable[SetFigures]) -> Table:
    """The goals beside what was measured."""
    table = Table("goal", "set", "x floor", "goal", "", "x bitshuffle", "x DIALS", "goal", "", title="Goals")
    for goal, figures in goals_of(sets):
        ours, dials = figures.x_floor, figures.x_dials
        beside = multiple(figures.multiple(OURS, BITSHUFFLE))
        floor = (multiple(ours), f"<= {goal.x_floor:g}", met(None if ours is None else ours <= goal.x_floor))
        speed = (multiple(dials), f">= {goal.x_dials:g}", met(None if dials is None else dials >= goal.x_dials))
        table.add_row(goal.title, figures.name, *floor, beside, *speed)
    return table


def worker_table(report: Report) -> Table:
    """Memory of one worker, and two beside one."""
    header = ("set", "MB before", "peak MB", "goal", "", "1 worker", "2 workers", "ratio", "goal", "", "by CPU time")
    table = Table(*header, title="Workers")
    for figures in report.workers:
        memory = (f"{figures.idle_mb:.0f}", f"{figures.peak_mb:.0f}", f"<= {PEAK_MB}", met(figures.peak_mb <= PEAK_MB))
        rates = (f"{figures.images_per_s(workers):.1f}/s" for workers in (1, 2))
        speedup = (f"{figures.speedup:.2f}", f">= {SPEEDUP}", met(figures.speedup >= SPEEDUP))
        table.add_row(figures.name, *memory, *rates, *speedup, f"{figures.cpu_speedup:.2f}")
    return table


def multiple(value: float | None, unit: str = "") -> str:
    """A ratio to three figures, or that there is none."""
    return "-" if value is None else f"{value:.3g}{unit}"


def met(is_met: bool | None) -> str:  # noqa: FBT001 - a word for a fact
    """In a word; "-" if it was not measured."""
    if is_met is None:
        return "-"
    return "[green]met[/]" if is_met else "[red]missed[/]"

"""The figures of a run as ``benchmarks/README.md`` has them: ``python -m benchmarks.spotfinder.report RUN``."""

import argparse
from pathlib import Path

from benchmarks.spotfinder import names
from benchmarks.spotfinder.cores import cores_table, published_table
from benchmarks.spotfinder.figures import PEAK_MB, SPEEDUP, Report, SetFigures, goals_of
from benchmarks.spotfinder.markdown import figure, table

SHOWN = {
    names.OURS: "mxmesh",
    names.OURS_ON_PIXELS: "decoded first",
    names.LZ4: "LZ4 alone",
    names.DECTRIS: "decompression: DECTRIS",
    names.BITSHUFFLE: "bitshuffle",
    names.HDF5PLUGIN: "hdf5plugin",
    names.DIALS_FIND_SPOTS: "DIALS",
    names.DIALS_EXTENDED: "DIALS extended",
    "peakfinder8 (OM), full": "peakfinder8",
    "mxspots findspots": "mxspots",
}
"""Rows, and what heads their columns."""


def goals(report: Report) -> str:
    """The issue's goals beside the run."""
    header = ("images", "set", "x floor", "goal", "x bitshuffle", "x faster than DIALS find_spots", "goal")
    rows = [
        (
            *(goal.title, figures.name),
            *judged(figures.x_floor, goal.x_floor, "<="),
            figure(figures.multiple(names.OURS, names.BITSHUFFLE)),
            *judged(figures.x_dials, goal.x_dials, ">="),
        )
        for goal, figures in goals_of(report.sets)
    ]
    return table(header, rows)


def judged(value: float | None, limit: float, sign: str) -> tuple[str, str]:
    """A figure, bold where it misses its goal, and the goal."""
    is_met = value is None or (value <= limit if sign == "<=" else value >= limit)
    return (figure(value) if is_met else f"**{figure(value)}**"), f"{sign} {limit:g}"


def times(report: Report) -> str:
    """CPU milliseconds per image, a line for each set."""
    rows = [
        (figures.name, *(figure(figures.rows[row].best_ms if row in figures.rows else None) for row in SHOWN))
        for figures in report.sets
    ]
    return table(("CPU ms per image", *SHOWN.values()), rows)


def sets(report: Report) -> str:
    """What the images are, and that their spots are DIALS'."""
    header = ("set", "images", "counts/px", "spots per image", "bytes/px", "images as DIALS", "spots as DIALS")
    return table(header, [described(figures) for figures in report.sets])


def described(figures: SetFigures) -> tuple[str, ...]:
    """One line of ``sets``."""
    (darkest, brightest), (fewest, most), same = figures.counts_range, figures.spots_range, figures.equality
    return (
        f"{figures.name}: {figures.title}",
        str(figures.n_images),
        f"{figure(figures.counts_per_px)} ({figure(darkest, 2)} - {figure(brightest, 2)})",
        f"{figures.spots_per_image:.0f} ({fewest} - {most})",
        f"{figures.bytes_per_px:.3f}",
        f"{same.equal_images} of {same.images}" if same else "-",
        f"{same.equal_spots:,} of {same.spots:,}" if same else "-",
    )


def workers(report: Report) -> str:
    """Memory of one worker, and two beside one."""
    header = ("set", "MB before", "peak MB", "goal", "one worker", "two", "ratio", "goal", "ratio by CPU time")
    rows = [
        (
            *(figures.name, figure(figures.idle_mb), *judged(figures.peak_mb, PEAK_MB, "<=")),
            *(figure(figures.images_per_s(workers), unit="/s") for workers in (1, 2)),
            *judged(figures.speedup, SPEEDUP, ">="),
            figure(figures.cpu_speedup),
        )
        for figures in report.workers
    ]
    return table(header, rows)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="JSON of `python -m benchmarks.spotfinder --json`")
    report = Report.model_validate_json(parser.parse_args().run.read_bytes())
    where = (
        f"{report.date}, {report.commit}, {report.machine}; load {report.load_before:.1f} - {report.load_after:.1f}."
    )
    parts = [goals(report), times(report), sets(report), *([workers(report)] if report.workers else [])]
    print(*parts, cores_table(report), published_table(), where, sep="\n\n")


if __name__ == "__main__":
    main()

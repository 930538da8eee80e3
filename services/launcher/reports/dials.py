"""What the ``dials`` pipeline leaves: models, logs, and the merging statistics of its payload script."""

import math
import re
from collections.abc import Sequence
from operator import mul
from pathlib import Path

from services.launcher.reports.findings import (
    FileKind,
    Findings,
    absent,
    last_match,
    list_files,
    load_object,
    load_text,
    read_cell,
    read_count,
    read_shell,
)
from shared.messages import Reduction, Shell, UnitCell

FILES: dict[str, FileKind] = {
    "merged.mtz": "result",
    "scaled_unmerged.mtz": "result",
    "scaled.expt": "result",
    "scaled.refl": "result",
    "merging_statistics.json": "result",
    "dials.report.html": "report",
    "dials.*.html": "report",
    "[0-9][0-9]_*.log": "log",
    "job.json": "input",
}
MODELS = ("scaled.expt", "symmetrized.expt", "integrated.expt", "refined.expt", "indexed.expt")


def read_dials(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not."""
    statistics = load_object(directory / "merging_statistics.json")
    shells = _shells(statistics.get("shells"))
    reduction = Reduction(
        space_group=_text(statistics.get("space_group")) or _space_group(directory),
        unit_cell=read_cell(statistics.get("unit_cell")) or _latest_cell(directory),
        shells=shells,
        n_spots=read_count(r"^Saved (\d{1,12}) reflections to strong\.refl", _log(directory, "find_spots")),
        n_indexed=_n_indexed(_log(directory, "index")),
    )
    version = last_match(r"^DIALS (\d\S*)\s*$", _log(directory, "import"))
    return Findings(
        reduction,
        list_files(directory, FILES),
        {"dials": version} if version else {},
        absent([("merging statistics", shells), ("unit cell", reduction.unit_cell)]),
    )


def _log(directory: Path, step: str) -> str:
    return load_text(next(directory.glob(f"[0-9][0-9]_dials.{step}.log"), directory / f"dials.{step}.log"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shells(values: object) -> tuple[Shell, ...]:
    if not isinstance(values, list):
        return ()
    return tuple(shell for value in values if (shell := read_shell(value)) is not None)


def _n_indexed(log: str) -> int | None:
    """Sum over the imagesets of the last table; its rows are: imageset, indexed, not indexed, per cent."""
    table = log.rpartition("# indexed")[2]
    rows = [line.split("|") for line in table.splitlines() if line.rstrip().endswith("%      |")]
    counts = [int(row[2]) for row in rows if re.fullmatch(r" *\d{1,12} *", row[2], re.ASCII)]
    return sum(counts) if counts else None


def _space_group(directory: Path) -> str | None:
    """As dials.symmetry recommended it; before that step there is no telling."""
    return last_match(r"^Recommended space group: (.{1,40})$", _log(directory, "symmetry"))


def _latest_cell(directory: Path) -> UnitCell | None:
    """Of the last model that was written."""
    for name in MODELS:
        crystals = load_object(directory / name).get("crystal")
        if isinstance(crystals, list) and crystals and isinstance(crystals[0], dict):
            axes = [crystals[0].get(f"real_space_{axis}") for axis in "abc"]
            if (cell := _cell_of(axes)) is not None:
                return cell
    return None


def _cell_of(axes: Sequence[object]) -> UnitCell | None:
    """Lengths [Å] and angles [degrees] of three real-space axes."""
    try:
        a, b, c = ([float(value) for value in axis] for axis in axes if isinstance(axis, list) and len(axis) == 3)  # noqa: PLR2004 - space
        lengths = [math.hypot(*axis) for axis in (a, b, c)]
        angles = [_angle(b, c), _angle(a, c), _angle(a, b)]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return read_cell([*lengths, *angles])


def _angle(u: Sequence[float], v: Sequence[float]) -> float:
    cosine = sum(map(mul, u, v)) / (math.hypot(*u) * math.hypot(*v))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))

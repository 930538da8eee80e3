"""What the ``dials`` pipeline leaves: models, logs, and the merging statistics of its payload script."""

import math
import re
from collections.abc import Sequence
from operator import mul
from pathlib import Path

from services.launcher.reports.findings import (
    FURTHER,
    MERGED,
    REPORT,
    STATISTICS,
    FilePattern,
    Findings,
    absent,
    list_files,
)
from services.launcher.reports.readers import (
    as_list,
    as_object,
    last_match,
    load_object,
    load_text,
    read_cell,
    read_count,
    read_number,
    read_shells,
    read_whole,
    read_word,
)
from shared.messages import Reduction, Shell, UnitCell

FILES = (
    FilePattern("merged.mtz", "result", MERGED),
    FilePattern("dials.report.html", "report", REPORT),
    FilePattern("dials.*.html", "report", REPORT),
    FilePattern("merging_statistics.json", "result", STATISTICS),
    FilePattern("scaled_unmerged.mtz", "result", FURTHER),
    FilePattern("scaled.expt", "result", FURTHER),
    FilePattern("scaled.refl", "result", FURTHER),
)
MODELS = ("scaled.expt", "symmetrized.expt", "integrated.expt", "refined.expt", "indexed.expt")


N_DIMENSIONS = 3
REFINED_MODELS = re.compile(r"^(?:Final r|R)efined crystal models:", re.MULTILINE)


def read_dials(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not."""
    statistics = load_object(directory / "merging_statistics.json")
    indexing = _log(directory, "index")
    reduction = Reduction(
        space_group=read_word(statistics.get("space_group")) or _space_group(directory),
        unit_cell=read_cell(statistics.get("unit_cell")) or _latest_cell(directory),
        shells=_shells(as_list(statistics.get("shells"))),
        n_spots=read_count(r"^Saved (\d{1,12}) reflections to strong\.refl", _log(directory, "find_spots")),
        n_indexed=read_n_indexed(indexing),
        n_indexed_by_lattice=_by_lattice(indexing),
    )
    version = last_match(r"^DIALS (\d\S*)\s*$", _log(directory, "import"))
    return Findings(
        reduction,
        list_files(directory, FILES),
        {"dials": version} if version else {},
        absent(reduction, "shells", "unit_cell"),
    )


def _log(directory: Path, step: str) -> str:
    return load_text(next(directory.glob(f"[0-9][0-9]_dials.{step}.log"), directory / f"dials.{step}.log"))


def _shells(values: Sequence[object]) -> tuple[Shell, ...]:
    return read_shells((value.get("shell"), value) for value in map(as_object, values))


def read_n_indexed(log: str) -> int | None:
    """Sum over the imagesets of dials.index' last table; its rows are: imageset, indexed, not indexed, per cent."""
    table = log.rpartition("# indexed")[2]
    rows = [line.split("|") for line in table.splitlines() if line.rstrip().endswith("%      |")]
    counts = [count for row in rows for cell in row[2:3] if (count := read_whole(cell)) is not None]
    return sum(counts) if counts else None


def _by_lattice(log: str) -> tuple[int, ...]:
    """Of the crystals that indexing ended with: they are listed after each cycle of refinement."""
    final = "".join(REFINED_MODELS.split(log)[1:][-1:])
    models = re.findall(r"^model \d{1,4} \((\d{1,12}) reflections\):", final, re.MULTILINE)
    counts = (read_whole(digits) for digits in models)
    return tuple(count for count in counts if count is not None)


def _space_group(directory: Path) -> str | None:
    """As dials.symmetry recommended it; before that step there is no telling."""
    return read_word(last_match(r"^Recommended space group: (.{1,32})$", _log(directory, "symmetry")))


def _latest_cell(directory: Path) -> UnitCell | None:
    """Of the last model that was written."""
    for name in MODELS:
        crystals = as_list(load_object(directory / name).get("crystal"))
        crystal = as_object(crystals[0] if crystals else None)
        if (cell := _cell_of([as_list(crystal.get(f"real_space_{axis}")) for axis in "abc"])) is not None:
            return cell
    return None


def _cell_of(axes: Sequence[Sequence[object]]) -> UnitCell | None:
    """Lengths [Å] and angles [degrees] of three real-space axes."""
    a, b, c = ([number for value in axis if (number := read_number(value)) is not None] for axis in axes)
    if not len(a) == len(b) == len(c) == N_DIMENSIONS:
        return None
    try:
        return read_cell([*map(math.hypot, *zip(a, b, c, strict=True)), _angle(b, c), _angle(a, c), _angle(a, b)])
    except (ZeroDivisionError, OverflowError, ValueError):  # axes of no or of unthinkable length
        return None


def _angle(u: Sequence[float], v: Sequence[float]) -> float:
    cosine = sum(map(mul, u, v)) / (math.hypot(*u) * math.hypot(*v))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))

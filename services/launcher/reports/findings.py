"""The common shape of all reports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.messages import Alternative, Reduction, ResultFile

FileKind = Literal["result", "log", "report", "input"]


@dataclass(frozen=True, slots=True)
class FilePattern:
    """Files that a program leaves for its user.

    Attributes:
        glob: relative to the run's directory.
        rank: 1 merged intensities, 2 the report to read, 3 merging statistics, 4 further results, 5 logs, 6 input.
    """

    glob: str
    kind: FileKind
    rank: int


MERGED, REPORT, STATISTICS, FURTHER, LOG, INPUT = range(1, 7)
OF_EVERY_RUN = (FilePattern("[0-9][0-9]_*.log", "log", LOG), FilePattern("job.json", "input", INPUT))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run left.

    Attributes:
        programs: program name to version.
        missing: what should be there after a success, and is not; one sentence each.
        alternatives: results that the program gives beside its main one, such as STARANISO's.
    """

    reduction: Reduction
    files: tuple[ResultFile, ...] = ()
    programs: Mapping[str, str] | None = None
    missing: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()


def list_files(directory: Path, patterns: Sequence[FilePattern]) -> tuple[ResultFile, ...]:
    """The files that match, by rank and then in the order of the patterns; the first pattern that matches counts."""
    found: dict[str, FilePattern] = {}
    for pattern in (*patterns, *OF_EVERY_RUN):
        for path in sorted(directory.glob(pattern.glob)):
            if path.is_file() and path.stat().st_size:
                found.setdefault(str(path), pattern)
    files = (ResultFile(path=path, kind=pattern.kind, rank=pattern.rank) for path, pattern in found.items())
    return tuple(sorted(files, key=lambda file: file.rank))


def absent(reduction: Reduction, *needed: str) -> tuple[str, ...]:
    """In words, which of the needed fields of the reduction are empty."""
    values: Iterable[tuple[str, object]] = ((name, getattr(reduction, name)) for name in needed)
    return tuple(WORDS[name] for name, value in values if not value)


WORDS = {"shells": "merging statistics", "unit_cell": "unit cell", "space_group": "space group"}

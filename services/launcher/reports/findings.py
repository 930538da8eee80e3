"""The common shape of all reports, and lenient readers for what programs leave behind."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from shared.messages import Alternative, Reduction, ResultFile, Shell, UnitCell

FileKind = Literal["result", "log", "report", "input"]
LONGEST_LOG = 16 * 1024 * 1024
_unit_cell: TypeAdapter[UnitCell] = TypeAdapter(UnitCell)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run left.

    Attributes:
        programs: program name to version.
        alternatives: further reductions by the same run.
        missing: what should be there after a success, and is not; one sentence each.
    """

    reduction: Reduction
    files: tuple[ResultFile, ...] = ()
    programs: Mapping[str, str] | None = None
    missing: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()


def load_json(path: Path) -> Any:  # noqa: ANN401 - whatever a program left there
    """The content of a JSON file; None if it is not there or not whole.

    Numbers that are not finite, which python's json writes and the standard forbids, are None as well.
    """
    try:
        return json.loads(path.read_bytes(), parse_constant=lambda _: None, parse_float=_finite)
    except (OSError, ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def load_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none."""
    content = load_json(path)
    return content if isinstance(content, dict) else {}


def load_text(path: Path) -> str:
    """A log's text; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_LOG).decode(errors="replace")
    except OSError:
        return ""


def last_match(pattern: str, text: str) -> str | None:
    """The first group of the last match."""
    found = re.findall(pattern, text, re.MULTILINE)
    return str(found[-1]).strip() if found else None


def read_count(pattern: str, text: str) -> int | None:
    """A number in a log; the last one if it is repeated."""
    digits = last_match(pattern, text)
    return int(digits) if digits else None


def read_cell(values: object) -> UnitCell | None:
    """a, b, c [Å], alpha, beta, gamma [degrees], if these are six positive numbers."""
    try:
        cell = _unit_cell.validate_python(tuple(values) if isinstance(values, list) else values)
    except ValidationError:
        return None
    return cell if all(map(math.isfinite, cell)) else None


def read_shell(values: object) -> Shell | None:
    """One shell, if it has at least its limits and counts."""
    try:
        return Shell.model_validate(values)
    except ValidationError:
        return None


def list_files(directory: Path, kinds: Mapping[str, FileKind]) -> tuple[ResultFile, ...]:
    """The files that match the patterns, in the order of the patterns, which is their rank."""
    found: dict[str, FileKind] = {}
    for pattern, kind in kinds.items():
        for path in sorted(directory.glob(pattern)):
            if path.is_file() and path.stat().st_size:
                found.setdefault(str(path), kind)
    return tuple(ResultFile(path=path, kind=kind, rank=n) for n, (path, kind) in enumerate(found.items(), start=1))


def absent(named: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """The names of what was not found."""
    return tuple(name for name, value in named if value in (None, (), {}, ""))

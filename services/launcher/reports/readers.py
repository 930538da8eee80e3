"""Lenient readers for what programs leave behind: what is missing or mutilated is None, and nothing is guessed."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.messages import Shell, UnitCell

LONGEST_FILE = 64 * 1024 * 1024
LONGEST_LOG = 16 * 1024 * 1024
LARGEST_COUNT = 2**31 - 1
"""What the database's integers hold, and more than any data set has."""
NUMBER = re.compile(r"\s*[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?\s*", re.ASCII)
SHELL_COUNTS = ("n_observations", "n_unique")
SHELL_NUMBERS = tuple(name for name in Shell.model_fields if name not in {"shell", *SHELL_COUNTS})
_unit_cell: TypeAdapter[UnitCell] = TypeAdapter(UnitCell)


def load_bytes(path: Path, limit: int = LONGEST_FILE) -> bytes:
    """At most ``limit`` bytes of a file; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError:
        return b""


def load_json(path: Path) -> Any:  # noqa: ANN401 - whatever a program left there
    """The content of a JSON file; None if it is not there or not whole.

    Numbers that are not finite, which python's json writes and the standard forbids, are None as well.
    """
    try:
        return json.loads(load_bytes(path), parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def load_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none."""
    return as_object(load_json(path))


def as_object(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def load_text(path: Path) -> str:
    """A log's text; empty if it cannot be read."""
    return load_bytes(path, LONGEST_LOG).decode(errors="replace")


def last_match(pattern: str, text: str) -> str | None:
    """The first group of the last match."""
    found = re.findall(pattern, text, re.MULTILINE)
    return str(found[-1]).strip() if found else None


def read_word(value: object) -> str | None:
    """A short text such as a space group's symbol."""
    word = value.strip() if isinstance(value, str) else ""
    return word if 0 < len(word) <= 32 and word.isprintable() else None  # noqa: PLR2004 - as the database has it


def read_number(value: object) -> float | None:
    """A finite number, be it written as text; true and false are none."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def read_whole(value: object) -> int | None:
    """A count; programs write some of them as 42000.0."""
    number = read_number(value)
    return int(number) if number is not None and number.is_integer() and 0 <= number <= LARGEST_COUNT else None


def read_count(pattern: str, text: str) -> int | None:
    """A number in a log; the last one if it is repeated."""
    return read_whole(last_match(pattern, text))


def read_cell(values: object) -> UnitCell | None:
    """a, b, c [Å], alpha, beta, gamma [degrees], if these are six positive numbers."""
    numbers = tuple(read_number(value) for value in values) if isinstance(values, list) else ()
    try:
        return _unit_cell.validate_python(numbers)
    except ValidationError:
        return None


def read_pair(values: Sequence[object]) -> tuple[float, float] | None:
    """Two numbers, such as a beam's centre."""
    numbers = [number for value in values if (number := read_number(value)) is not None]
    return (numbers[0], numbers[1]) if len(numbers) == len(values) == 2 else None  # noqa: PLR2004 - a pair


def read_shell(name: object, values: Mapping[str, object]) -> Shell | None:
    """One shell, if it has at least its limits and counts; other values that are no numbers are left out."""
    counts = {key: read_whole(values.get(key)) for key in SHELL_COUNTS}
    numbers = {key: read_number(values.get(key)) for key in SHELL_NUMBERS}
    d_max, d_min = numbers["d_max_A"], numbers["d_min_A"]
    if d_max is None or d_min is None or not d_max >= d_min > 0:
        return None
    try:
        return Shell.model_validate({"shell": name, **counts, **numbers})
    except ValidationError:
        return None

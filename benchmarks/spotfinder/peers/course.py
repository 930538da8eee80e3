"""What every competitor does: load a set, then work when told to, line by line; needs nothing but Python itself."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

TURN_S = 0.3
"""Least CPU time of a turn: those who are quick repeat their pass over the images."""

Pass = Callable[[], object]
"""Works once on every image of the set."""


def no_results() -> list[Any]:
    """Of a competitor whose spots are not compared."""
    return []


@dataclass
class Course:
    """One competitor, its images loaded.

    Attributes:
        n_images: of the set.
        passes: by the name of the row in the table.
        results: spots and figures of each image, as ``dials_reference`` gives them.
        remarks: what the reader of a row should know.
        missing: rows that could not be had, and why.
    """

    n_images: int
    passes: dict[str, Pass]
    results: Callable[[], list[Any]] = no_results
    remarks: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def serve(prepare: Callable[[str], Course]) -> None:
    """Answer each line of standard input with a line of JSON: ``turn`` with CPU times, ``results`` with spots.

    The first line, unasked for, says whether the competitor takes part.
    """
    say = _own_output()
    try:
        course = prepare(sys.argv[1])
    except (ImportError, OSError) as reason:
        _write(say, {"absent": f"{type(reason).__name__}: {reason}"})
        return
    _write(say, {"remarks": course.remarks, "missing": course.missing})
    for line in sys.stdin:
        _write(say, course.results() if line.strip() == "results" else turn(course))


def turn(course: Course) -> dict[str, list[float]]:
    """CPU time per image of each pass [ms], by row."""
    return {row: repeat(work, course.n_images) for row, work in course.passes.items()}


def repeat(work: Pass, n_images: int) -> list[float]:
    """CPU time per image of each pass [ms], until ``TURN_S`` are spent; all threads of the process count."""
    spent: list[float] = []
    while not spent or sum(spent) < TURN_S:
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return [1e3 * seconds / n_images for seconds in spent]


def _own_output() -> TextIO:
    """Standard output for the answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _write(answers: TextIO, answer: object) -> None:
    print(json.dumps(answer), file=answers, flush=True)

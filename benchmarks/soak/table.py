"""What was found as text for people, and as data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.soak.counts import Count
from benchmarks.soak.course import Outcome
from benchmarks.soak.judgement import LIMIT, Finding, Rule
from benchmarks.spotfinder.markdown import figure, table

KILO = 1000
HEADER = ("", "first tenth", "last tenth", "ratio", "slope per 1,000 collections", "unit", "does not count up to", "")


def rows(findings: Sequence[Finding]) -> str:
    """The table; of rows that may grow, what a collection added in the first and the last half."""
    return table(HEADER, (_row(finding) for finding in findings))


def _row(finding: Finding) -> Iterator[str]:
    row, kept = finding.row, finding.row.rule is Rule.KEPT
    scale = KILO if kept else 1
    yield str(row) + (" (added per collection; halves)" if kept else "")
    yield figure(finding.first * scale)
    yield figure(finding.last * scale)
    yield figure(finding.ratio)
    yield f"{finding.slope:+.3g}"
    yield _thousandth(row.unit) if kept else row.unit
    yield "" if row.rule is Rule.TOLD else figure(row.floor * scale)
    yield _verdict(finding)


def _verdict(finding: Finding) -> str:
    if finding.row.rule is Rule.TOLD:
        return "not judged"
    if finding.disturbed:
        return "not judged: others took more of the machine"
    return "**GROWN**" if finding.grown else "ok"


def _thousandth(unit: str) -> str:
    return {"MB": "kB"}.get(unit, f"{unit} / 1,000")


def counted(counts: Sequence[Count]) -> str:
    """The summary of correctness."""
    lines = ([each.name, str(each.wanted), str(each.found), "ok" if each.right else "**WRONG**"] for each in counts)
    return table(("nothing lost, nothing twice", "wanted", "found", ""), lines)


def faults(findings: Sequence[Finding], counts: Sequence[Count]) -> list[str]:
    """A line for each row that has grown and each count that is wrong; none: all is well."""
    nothing = [] if findings else ["too few samples to judge anything: the mesh was too slow, or never warm"]
    return [
        *nothing,
        *(_grown(finding) for finding in findings if finding.grown),
        *(f"{each.name}: {each.found}, not {each.wanted}" for each in counts if not each.right),
    ]


def _grown(finding: Finding) -> str:
    row = finding.row
    unit = f" {row.unit}" if row.unit else ""
    per = " per collection" if row.rule is Rule.KEPT else ""
    return f"{row} has grown from {finding.first:.4g} to {finding.last:.4g}{unit}{per}, above {LIMIT} times"


def report(findings: Sequence[Finding], outcome: Outcome) -> dict[str, Any]:
    """For JSON: verdicts, counts, and every value over time."""
    return {
        "rows": [asdict(finding) | {"ratio": finding.ratio} for finding in findings],
        "counts": [asdict(each) | {"right": each.right} for each in outcome.counts],
        "done": outcome.done,
        "samples": [
            {"minute": s.minute, "collections": s.n_collections, "values": {str(row): v for row, v in s.values.items()}}
            for s in outcome.samples
        ],
    }

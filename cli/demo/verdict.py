"""Whether the demonstration did what it set out to do: every check with what was seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.demo.scenario import GridOutcome, RotationOutcome
from cli.traces import services_in
from shared.messages import RunState

MAX_DISTANCE_BOXES = 1.0
MAX_CELL_DIFFERENCE_PERCENT = 0.5
HAND = {"P43212": "P41212", "P43": "P41", "P4322": "P4122"}
GRID_SERVICES = {"mxmesh-ingester", "mxmesh-spotfinder", "mxmesh-writer"}
ROTATION_SERVICES = {"mxmesh-ingester", "mxmesh-launcher", "mxmesh-writer"}


@dataclass(frozen=True)
class Check:
    """One thing that has to be so."""

    what: str
    passed: bool
    seen: str


def cell_difference_percent(found: Sequence[float], true: Sequence[float]) -> float:
    """Largest relative difference of the sorted cell lengths [%]; processing may name the axes in another order."""
    pairs = zip(sorted(found[:3]), sorted(true[:3]), strict=True)
    return max(100 * abs(a - b) / b for a, b in pairs)


def same_space_group(found: str, true: str) -> bool:
    """Equal up to the hand, which merging statistics cannot tell."""
    short, expected = found.replace(" ", ""), true.replace(" ", "")
    return HAND.get(short, short) == HAND.get(expected, expected)


def check_grid(name: str, outcome: GridOutcome, spans: Path) -> Iterator[Check]:
    """Every image recorded once, centre found and where it should be, one trace through the mesh."""
    images, n = outcome.recorded.images(outcome.collection.ref), outcome.collection.number_of_images
    yield Check(f"{name}: images recorded", images.n_found == n, f"{images.n_found} of {n}, {images.n_failed} failed")
    reports = outcome.recorded.n_reports(outcome.collection.ref)
    yield Check(f"{name}: images reported once", reports == n, f"{reports} reports of {n} images")
    status = outcome.result.status if outcome.result else "none came"
    yield Check(f"{name}: centre received", status == "whole", status)
    found = bool(outcome.result and outcome.result.crystals)
    yield Check(f"{name}: crystal found", found, "found" if found else "no crystal")
    if outcome.truth:
        distance = outcome.distance_boxes
        near = distance is not None and distance <= MAX_DISTANCE_BOXES
        yield Check(
            f"{name}: centre is the true one", near, "none" if distance is None else f"{distance:.2f} boxes off"
        )
    yield _check_trace(name, outcome.trace_id, GRID_SERVICES, spans)


def check_rotation(outcome: RotationOutcome, spans: Path) -> Iterator[Check]:
    """Processed by DIALS to the true cell and space group, with statistics for each shell, in one trace."""
    result = outcome.recorded.processing(outcome.collection.ref)
    if not result:
        yield Check("rotation: processed", passed=False, seen="no result in the database")
        return
    succeeded = result.state is RunState.SUCCEEDED
    yield Check("rotation: processed", succeeded, result.state if succeeded else f"{result.state}: {result.reason}")
    cell, group = result.reduction.unit_cell, result.reduction.space_group
    off = cell_difference_percent(cell, outcome.truth.cell) if cell else None
    close = off is not None and off <= MAX_CELL_DIFFERENCE_PERCENT
    yield Check("rotation: cell is the true one", close, "none" if off is None else f"{off:.3f} % off")
    same = bool(group and same_space_group(group, outcome.truth.space_group))
    yield Check("rotation: space group is the true one", same, f"{group}, true {outcome.truth.space_group}")
    shells = [shell.shell for shell in result.reduction.shells]
    yield Check("rotation: statistics per shell", len(shells) == 3, ", ".join(shells) or "none")  # noqa: PLR2004
    yield _check_trace("rotation", outcome.trace_id, ROTATION_SERVICES, spans)


def _check_trace(name: str, trace_id: str | None, wanted: set[str], spans: Path) -> Check:
    seen = services_in(spans, trace_id) if trace_id else set()
    return Check(f"{name}: one trace", wanted <= seen, ", ".join(sorted(s.removeprefix("mxmesh-") for s in seen)))

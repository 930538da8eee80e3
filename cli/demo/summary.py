"""What the demonstration found, for people and for programs."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from cli.demo.scenario import GridOutcome, RotationOutcome
from cli.demo.verdict import Check, cell_difference_percent
from shared.messages import ProcessingResult


def grid_table(outcomes: dict[str, GridOutcome]) -> Table:
    """Images, spots, centre, distance from the truth, latencies."""
    table = Table(title="grid scans")
    table.add_column("")
    for name in outcomes:
        table.add_column(name)
    rows = {name: _grid_rows(outcome) for name, outcome in outcomes.items()}
    for label in next(iter(rows.values())):
        table.add_row(escape(label), *(rows[name][label] for name in outcomes))
    return table


def _grid_rows(outcome: GridOutcome) -> dict[str, str]:
    images, result = outcome.recorded.images(outcome.collection.ref), outcome.result
    crystals = result.crystals if result else ()
    return {
        "collection": str(outcome.collection.ref),
        "images recorded": f"{images.n_found} of {outcome.collection.number_of_images}",
        "images failed": str(images.n_failed),
        "spots in all": f"{images.n_spots}, at most {images.brightest} on an image",
        "crystals": str(len(crystals)),
        "centre x, y [boxes]": "{:.2f}, {:.2f}".format(*crystals[0].centre_of_mass) if crystals else "-",
        "true centre [boxes]": "{:.2f}, {:.2f}".format(*outcome.truth.centre_boxes) if outcome.truth else "not known",
        "distance from truth [boxes]": _number(outcome.distance_boxes, 2),
        "announced to first image result [s]": _number(outcome.first_result_s, 3),
        "last image written to centre received [s]": _number(outcome.centred_s, 3),
        "trace": outcome.trace_id or "-",
    }


def rotation_tables(outcome: RotationOutcome) -> Group:
    """Cell and space group beside the truth, statistics per shell, time of each step."""
    result = outcome.recorded.processing(outcome.collection.ref)
    if not result:
        return Group("rotation: no result")
    return Group(_cell_table(outcome, result), _shell_table(result), _step_table(result))


def _cell_table(outcome: RotationOutcome, result: ProcessingResult) -> Table:
    reduction, truth = result.reduction, outcome.truth
    table = Table(title=f"rotation {outcome.collection.ref}, pipeline {result.run.pipeline}: {result.state.value}")
    for heading in ("", "found", "true", "difference"):
        table.add_column(heading)
    cell = reduction.unit_cell
    off = f"{cell_difference_percent(cell, truth.cell):.3f} %" if cell else "-"
    table.add_row(escape("cell [Å, degrees]"), _cell(cell) if cell else "-", _cell(truth.cell), off)
    table.add_row("space group", reduction.space_group or "-", truth.space_group, "up to the hand")
    table.add_row("spots indexed", f"{reduction.n_indexed} of {reduction.n_spots}", "", "")
    table.add_row("trace", outcome.trace_id or "-", "", "")
    return table


def _shell_table(result: ProcessingResult) -> Table:
    table = Table(title="merging statistics")
    table.add_column("")
    shells = result.reduction.shells
    for shell in shells:
        table.add_column(shell.shell)
    table.add_row(escape("resolution [Å]"), *(f"{s.d_max_A:.2f} - {s.d_min_A:.2f}" for s in shells))
    table.add_row("observations / unique", *(f"{s.n_observations} / {s.n_unique}" for s in shells))
    table.add_row(escape("completeness [%]"), *(_number(s.completeness_percent, 1) for s in shells))
    table.add_row("multiplicity", *(_number(s.multiplicity, 2) for s in shells))
    table.add_row("mean I/sigma", *(_number(s.i_over_sigma, 1) for s in shells))
    table.add_row("Rmerge", *(_number(s.r_merge, 3) for s in shells))
    table.add_row("Rmeas", *(_number(s.r_meas, 3) for s in shells))
    table.add_row("Rpim", *(_number(s.r_pim, 3) for s in shells))
    table.add_row("CC1/2", *(_number(s.cc_half, 4) for s in shells))
    return table


def _step_table(result: ProcessingResult) -> Table:
    table = Table("step", "state", escape("time [s]"), title="steps")
    for step in result.steps:
        table.add_row(step.name, step.state, _number(step.seconds, 1))
    return table


def check_table(checks: Iterable[Check]) -> Table:
    """Every check with what was seen."""
    table = Table("", "check", "seen", title="checks")
    for check in checks:
        table.add_row("[green]ok[/]" if check.passed else "[bold red]failed[/]", check.what, check.seen)
    return table


def as_data(grids: dict[str, GridOutcome], rotation: RotationOutcome, checks: list[Check]) -> dict[str, Any]:
    """The same for programs."""
    result = rotation.recorded.processing(rotation.collection.ref)
    return {
        "grids": {name: _grid_rows(outcome) for name, outcome in grids.items()},
        "rotation": result.model_dump(mode="json") if result else None,
        "checks": [vars(check) for check in checks],
        "passed": all(check.passed for check in checks),
    }


def _cell(cell: Iterable[float]) -> str:
    return " ".join(f"{length:.2f}" for length in cell)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

"""What xia2 leaves: xia2.json, LogFiles/*_merging-statistics.json, and xia2-error.txt when it failed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.launcher.reports.findings import (
    FileKind,
    Findings,
    absent,
    last_match,
    list_files,
    load_object,
    load_text,
    read_cell,
    read_shell,
)
from shared.messages import Reduction, Shell

FILES: dict[str, FileKind] = {
    "DataFiles/*_free.mtz": "result",
    "DataFiles/*.mtz": "result",
    "DataFiles/*_scaled.expt": "result",
    "DataFiles/*_scaled.refl": "result",
    "LogFiles/*_merging-statistics.json": "result",
    "xia2.json": "result",
    "xia2.html": "report",
    "xia2.txt": "log",
    "xia2-error.txt": "log",
    "LogFiles/*.log": "log",
    "[0-9][0-9]_*.log": "log",
    "job.json": "input",
}
STATISTICS = {
    "n_observations": ("n_obs", 1),
    "n_unique": ("n_uniq", 1),
    "multiplicity": ("multiplicity", 1),
    "completeness_percent": ("completeness", 1),
    "i_over_sigma": ("i_over_sigma_mean", 1),
    "r_merge": ("r_merge", 1),
    "r_meas": ("r_meas", 1),
    "r_pim": ("r_pim", 1),
    "cc_half": ("cc_one_half", 1),
    "cc_anomalous": ("cc_anom", 1),
    "anomalous_completeness_percent": ("anom_completeness", 100),
}
SUMMARY = {
    "d_max_A": "Low resolution limit",
    "d_min_A": "High resolution limit",
    "n_observations": "Total observations",
    "n_unique": "Total unique",
    "completeness_percent": "Completeness",
    "multiplicity": "Multiplicity",
    "i_over_sigma": "I/sigma",
    "r_merge": "Rmerge(I+/-)",
    "r_meas": "Rmeas(I)",
    "r_meas_anomalous": "Rmeas(I+/-)",
    "r_pim": "Rpim(I)",
    "r_pim_anomalous": "Rpim(I+/-)",
    "cc_half": "CC half",
    "cc_anomalous": "Anomalous correlation",
    "anomalous_completeness_percent": "Anomalous completeness",
    "anomalous_multiplicity": "Anomalous multiplicity",
}
THINKABLE = 1e6
"""Greater than any 1/d² [1/Å²]."""
POSITIONS = (("overall", 0), ("inner", 1), ("outer", 2))


def read_xia2(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not; nothing is started for it."""
    scaler = _scaler(load_object(directory / "xia2.json"))
    shells = _summary_shells(scaler) or _binned_shells(directory)
    space_groups = scaler.get("_scalr_likely_spacegroups")
    space_group = space_groups[0] if isinstance(space_groups, list) and space_groups else None
    reduction = Reduction(
        space_group=space_group if isinstance(space_group, str) else None,
        unit_cell=read_cell(scaler.get("_scalr_cell")),
        shells=shells,
    )
    return Findings(
        reduction,
        list_files(directory, FILES),
        _versions(load_text(directory / "xia2.txt")),
        absent(
            [
                ("merging statistics", shells),
                ("unit cell", reduction.unit_cell),
                ("space group", reduction.space_group),
            ]
        ),
    )


def _versions(log: str) -> dict[str, str]:
    found = {name: last_match(rf"^{name} (\d\S*)\s*$", log) for name in ("XIA2", "xia2", "DIALS")}
    return {name.lower(): version for name, version in found.items() if version}


def _scaler(project: dict[str, Any]) -> dict[str, Any]:
    """The scaler of the first crystal; none if scaling was not reached."""
    crystals = project.get("_crystals")
    for crystal in crystals.values() if isinstance(crystals, dict) else ():
        if isinstance(crystal, dict) and isinstance(scaler := crystal.get("_scaler"), dict):
            return scaler
    return {}


def _summary_shells(scaler: Mapping[str, Any]) -> tuple[Shell, ...]:
    """xia2's own table: per quantity a list of overall, inner, outer; of several wavelengths the first counts."""
    tables = scaler.get("_scalr_statistics")
    table = next(iter(tables.values()), None) if isinstance(tables, dict) else None
    if not isinstance(table, dict):
        return ()
    columns = {name: table[title] for name, title in SUMMARY.items() if isinstance(table.get(title), list)}
    shells = (_summary_shell(columns, position, name) for name, position in POSITIONS)
    return tuple(shell for shell in shells if shell is not None)


def _summary_shell(columns: Mapping[str, list[Any]], position: int, name: str) -> Shell | None:
    row = {key: values[position] for key, values in columns.items() if len(values) > position}
    counts = {key: round(row[key]) for key in ("n_observations", "n_unique") if isinstance(row.get(key), float)}
    return read_shell({**row, **counts, "shell": name})


def _binned_shells(directory: Path) -> tuple[Shell, ...]:
    """From iotbx' statistics: an object for all data, and per quantity a list of shells from low resolution up."""
    for path in sorted(directory.glob("LogFiles/*_merging-statistics.json")):
        bins = load_object(path)
        lists = {key: value for key, value in bins.items() if isinstance(value, list) and value}
        sources = {
            "overall": bins.get("overall"),
            "inner": {key: value[0] for key, value in lists.items()},
            "outer": {key: value[-1] for key, value in lists.items()},
        }
        shells = tuple(shell for name, source in sources.items() if (shell := _binned_shell(name, source)) is not None)
        if shells:
            return shells
    return ()


def _binned_shell(name: str, source: object) -> Shell | None:
    """d_star_sq_min and d_star_sq_max have their names swapped in these files, so their sizes tell which is which."""
    if not isinstance(source, dict):
        return None
    values = {ours: _scaled(source.get(theirs), factor) for ours, (theirs, factor) in STATISTICS.items()}
    edges = [edge for key in ("d_star_sq_min", "d_star_sq_max") if isinstance(edge := source.get(key), float | int)]
    if len(edges) != 2 or not 0 < min(edges) <= max(edges) < THINKABLE:  # noqa: PLR2004 - a shell has two edges
        return None
    limits = {"d_max_A": 1 / math.sqrt(min(edges)), "d_min_A": 1 / math.sqrt(max(edges))}
    return read_shell({**values, **limits, "shell": name})


def _scaled(value: object, factor: float) -> object:
    return value * factor if isinstance(value, float | int) and factor != 1 else value

"""What xia2 leaves: xia2.json, LogFiles/*_merging-statistics.json, and xia2-error.txt when it failed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.launcher.reports.findings import (
    FURTHER,
    LOG,
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
    read_number,
    read_shell,
    read_word,
)
from shared.messages import Reduction, Shell

FILES = (
    FilePattern("DataFiles/*_free.mtz", "result", MERGED),
    FilePattern("xia2.html", "report", REPORT),
    FilePattern("LogFiles/*_merging-statistics.json", "result", STATISTICS),
    FilePattern("DataFiles/*.mtz", "result", FURTHER),
    FilePattern("DataFiles/*_scaled.expt", "result", FURTHER),
    FilePattern("DataFiles/*_scaled.refl", "result", FURTHER),
    FilePattern("xia2.json", "result", FURTHER),
    FilePattern("xia2-error.txt", "log", LOG),
    FilePattern("xia2.error", "log", LOG),
    FilePattern("xia2.txt", "log", LOG),
    FilePattern("LogFiles/*.log", "log", LOG),
)
BINNED = {
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
EDGES = ("d_star_sq_min", "d_star_sq_max")
THINKABLE = 1e6
"""Greater than any 1/d² [1/Å²]."""
POSITIONS = (("overall", 0), ("inner", 1), ("outer", 2))


def read_xia2(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not; nothing is started for it."""
    scaler = _scaler(load_object(directory / "xia2.json"))
    log = load_text(directory / "xia2.txt")
    likely = as_list(scaler.get("_scalr_likely_spacegroups"))
    reduction = Reduction(
        space_group=read_word(likely[0] if likely else None)
        or read_word(last_match(r"^Assuming spacegroup: (.{1,32})$", log)),
        unit_cell=read_cell(scaler.get("_scalr_cell")),
        shells=_summary_shells(scaler) or _binned_shells(directory),
    )
    return Findings(
        reduction,
        list_files(directory, FILES),
        {**_versions(log), **_xds_version(directory)},
        absent(reduction, "shells", "unit_cell", "space_group"),
    )


def _versions(log: str) -> dict[str, str]:
    found = {name: last_match(rf"^{name} (\d\S*)\s*$", log) for name in ("XIA2", "xia2", "DIALS", "CCP4")}
    return {name.lower() if name != "CCP4" else name: version for name, version in found.items() if version}


def _xds_version(directory: Path) -> dict[str, str]:
    """Of the 3d pipelines: the day on which XDS was built, as the head of its logs says it."""
    for path in sorted(directory.glob("LogFiles/*_CORRECT.log")):
        if built := last_match(r"\(VERSION [^)]{1,60}BUILT=(\d{8})\)", load_text(path)):
            return {"xds": built}
    return {}


def _scaler(project: Mapping[str, Any]) -> dict[str, Any]:
    """The scaler of the first crystal; none if scaling was not reached."""
    crystals = as_object(project.get("_crystals")).values()
    return next((scaler for crystal in crystals if (scaler := as_object(as_object(crystal).get("_scaler")))), {})


def _summary_shells(scaler: Mapping[str, Any]) -> tuple[Shell, ...]:
    """xia2's own table: per quantity a list of overall, inner, outer; of several wavelengths the first counts."""
    tables = as_object(scaler.get("_scalr_statistics"))
    table = as_object(next(iter(tables.values()), None))
    columns = {name: as_list(table.get(title)) for name, title in SUMMARY.items()}
    shells = (read_shell(name, _row(columns, position)) for name, position in POSITIONS)
    return tuple(shell for shell in shells if shell is not None)


def _row(columns: Mapping[str, list[Any]], position: int) -> dict[str, object]:
    return {key: values[position] for key, values in columns.items() if len(values) > position}


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
    values = as_object(source)
    edges = [edge for key in EDGES if (edge := read_number(values.get(key))) is not None]
    if len(edges) != len(EDGES) or not 0 < min(edges) <= max(edges) < THINKABLE:
        return None
    limits = {"d_max_A": 1 / math.sqrt(min(edges)), "d_min_A": 1 / math.sqrt(max(edges))}
    numbers = {ours: _scaled(values.get(theirs), factor) for ours, (theirs, factor) in BINNED.items()}
    return read_shell(name, {**numbers, **limits})


def _scaled(value: object, factor: int) -> float | None:
    number = read_number(value)
    return None if number is None else number * factor

"""What xia2 leaves: xia2.json, LogFiles/*_merging-statistics.json, and xia2-error.txt when it failed."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.launcher.reports.dials import read_n_indexed
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
    read_shells,
    read_whole,
    read_word,
)
from shared.messages import Reduction, Shell, UnitCell

FILES = (
    FilePattern("DataFiles/*_free.mtz", "result", MERGED),
    FilePattern("xia2.html", "report", REPORT),
    FilePattern("LogFiles/*_merging-statistics.json", "result", STATISTICS),
    FilePattern("DataFiles/*_scaled.mtz", "result", FURTHER),
    FilePattern("DataFiles/*.mtz", "result", FURTHER),
    FilePattern("DataFiles/*_scaled.expt", "result", FURTHER),
    FilePattern("DataFiles/*_scaled.refl", "result", FURTHER),
    FilePattern("DataFiles/*.mmcif.bz2", "result", FURTHER),
    FilePattern("LogFiles/*_SCALE.html", "report", FURTHER),
    FilePattern("xia2.json", "result", FURTHER),
    FilePattern("xia2-error.txt", "log", LOG),
    FilePattern("xia2.error", "log", LOG),
    FilePattern("xia2.txt", "log", LOG),
    FilePattern("LogFiles/*.log", "log", LOG),
)
BINNED = {
    "n_observations": "n_obs",
    "n_unique": "n_uniq",
    "multiplicity": "multiplicity",
    "completeness_percent": "completeness",
    "i_over_sigma": "i_over_sigma_mean",
    "r_meas": "r_meas",
    "r_pim": "r_pim",
    "cc_half": "cc_one_half",
    "cc_anomalous": "cc_anom",
}
"""Friedel mates are merged in these: their r_merge is not that within I+/I-, and their anom_completeness is empty."""
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
        or read_word(last_match(r"^(?:Assuming spacegroup|Most likely space group): (.{1,32})$", log)),
        unit_cell=read_cell(scaler.get("_scalr_cell")) or _latest_cell(log),
        shells=_summary_shells(scaler) or _binned_shells(directory),
        n_spots=_n_spots(log),
        n_indexed=_n_indexed(directory),
    )
    return Findings(
        reduction,
        list_files(directory, FILES),
        {**_versions(log), **_xds_version(directory)},
        absent(reduction, "shells", "unit_cell", "space_group"),
    )


def _latest_cell(log: str) -> UnitCell | None:
    """After scaling all sweeps are refined together; before it there is the cell of the last sweep that was indexed."""
    cell = last_match(r"^(?:Overall:|Indexing solution:\n\w\w)((?: +\d{1,4}\.\d\d){6})$", log)
    return read_cell((cell or "").split())


def _n_spots(log: str) -> int | None:
    """Sum over the sweeps; of a sweep searched again, the last search counts."""
    found = dict(re.findall(r"^-+ Spotfinding (\S{1,80}) -+\n(\d{1,9}) spots found on", log, re.MULTILINE))
    return read_whole(sum(map(int, found.values()))) if found else None


def _n_indexed(directory: Path) -> int | None:
    """Sum over the sweeps, each of which has its log of dials.index."""
    logs = map(load_text, sorted(directory.glob("LogFiles/*_INDEX.log")))
    counts = [count for log in logs if (count := read_n_indexed(log)) is not None]
    return read_whole(sum(counts)) if counts else None


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
    return read_shells((name, _row(columns, position)) for name, position in POSITIONS)


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
    numbers = {ours: values.get(theirs) for ours, theirs in BINNED.items()}
    return read_shell(name, {**numbers, **limits})

"""What fast_dp leaves: fast_dp.json, and the same in fast_dp.xml; both only after a success."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.launcher.reports.autoproc_container import SHELLS, read_container
from services.launcher.reports.findings import (
    FURTHER,
    LOG,
    MERGED,
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
    read_pair,
    read_shell,
    read_word,
)
from shared.messages import Reduction, Shell

FILES = (
    FilePattern("fast_dp.mtz", "result", MERGED),
    FilePattern("fast_dp.json", "result", STATISTICS),
    FilePattern("fast_dp.xml", "result", STATISTICS),
    FilePattern("fast_dp_unmerged.mtz", "result", FURTHER),
    FilePattern("fast_dp.log", "log", LOG),
    FilePattern("fast_dp.error", "log", LOG),
    FilePattern("*.LP", "log", LOG),
    FilePattern("*.log", "log", LOG),
)
NAMES = {
    "d_max_A": "res_lim_low",
    "d_min_A": "res_lim_high",
    "n_observations": "n_tot_obs",
    "n_unique": "n_tot_unique_obs",
    "completeness_percent": "completeness",
    "multiplicity": "multiplicity",
    "i_over_sigma": "mean_i_sig_i",
    "r_merge": "r_merge",
    "r_meas": "r_meas_all_iplusi_minus",
    "cc_half": "cc_half",
    "cc_anomalous": "cc_anom",
    "anomalous_completeness_percent": "anom_completeness",
    "anomalous_multiplicity": "anom_multiplicity",
}
SIX = r"(-?\d[\d.]* +-?\d[\d.]* +-?\d[\d.]* +-?\d[\d.]* +-?\d[\d.]* +-?\d[\d.]*)"


def read_fast_dp(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not: JSON, else XML, else what the log says."""
    written = load_object(directory / "fast_dp.json")
    from_xml = read_container(directory / "fast_dp.xml")
    log = load_text(directory / "fast_dp.log")
    beam = read_pair(as_list(written.get("refined_beam"))) or from_xml.beam
    reduction = Reduction(
        space_group=read_word(written.get("spacegroup")) or from_xml.reduction.space_group or _log_space_group(log),
        unit_cell=read_cell(written.get("unit_cell")) or from_xml.reduction.unit_cell or _log_cell(log),
        shells=tuple(_shells(as_object(written.get("scaling_statistics")))) or from_xml.reduction.shells,
        beam_centre_mm=beam and (beam[1], beam[0]),  # fast_dp writes the slow axis first
    )
    version = last_match(r"^Fast_DP version (\S{1,40})$", log)
    return Findings(
        reduction,
        list_files(directory, FILES),
        {"fast_dp": version} if version else {},
        absent(reduction, "shells", "unit_cell", "space_group"),
    )


def _shells(statistics: Mapping[str, Any]) -> Iterator[Shell]:
    for theirs, ours in SHELLS.items():
        source = as_object(statistics.get(theirs))
        if (shell := read_shell(ours, {key: source.get(name) for key, name in NAMES.items()})) is not None:
            yield shell


def _log_cell(log: str) -> tuple[float, float, float, float, float, float] | None:
    found = last_match(rf"^Unit cell: *{SIX} *$", log)
    return read_cell(found.split()) if found else None


def _log_space_group(log: str) -> str | None:
    return read_word(last_match(r"^Merging point group: (.{1,32})$", log))

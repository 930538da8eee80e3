"""What fast_dp leaves: fast_dp.json and the same in fast_dp.xml, both only if it succeeded; fast_dp.log always."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from services.launcher.reports.autoproc_container import read_container
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

FILES: Final[dict[str, FileKind]] = {
    "fast_dp.mtz": "result",
    "fast_dp_unmerged.mtz": "result",
    "fast_dp.log": "log",
    "fast_dp.json": "result",
    "fast_dp.xml": "result",
    "fast_dp.error": "log",
    "[0-9][0-9]_*.log": "log",
    "*.LP": "log",
    "job.json": "input",
}
SHELLS: Final = {"overall": "overall", "innerShell": "inner", "outerShell": "outer"}
STATISTICS: Final = {
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


def read_fast_dp(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not; the JSON is believed before the XML."""
    summary, container = load_object(directory / "fast_dp.json"), read_container(directory / "fast_dp.xml")
    space_group, log = summary.get("spacegroup"), load_text(directory / "fast_dp.log")
    reduction = Reduction(
        space_group=space_group if isinstance(space_group, str) and space_group else container.space_group,
        unit_cell=read_cell(summary.get("unit_cell")) or container.unit_cell,
        shells=_shells(summary.get("scaling_statistics")) or container.shells,
    )
    version = last_match(r"^Fast_DP (?:installed|version)\D*(\d\S*)", log)
    return Findings(
        reduction,
        list_files(directory, FILES),
        {"fast_dp": version} if version else {},
        absent([("merging statistics", reduction.shells), ("unit cell", reduction.unit_cell)]),
    )


def _shells(statistics: object) -> tuple[Shell, ...]:
    if not isinstance(statistics, dict):
        return ()
    shells = (_shell(statistics.get(theirs), ours) for theirs, ours in SHELLS.items())
    return tuple(shell for shell in shells if shell is not None)


def _shell(values: object, name: str) -> Shell | None:
    if not isinstance(values, Mapping):
        return None
    row: dict[str, Any] = {ours: values.get(theirs) for ours, theirs in STATISTICS.items()}
    return read_shell({"shell": name, **row})

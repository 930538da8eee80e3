"""What autoPROC leaves: a container for its own reduction and one for STARANISO's, MTZ files, summary and report."""

from pathlib import Path
from typing import Final

from services.launcher.reports.autoproc_container import read_container
from services.launcher.reports.findings import FileKind, Findings, absent, last_match, list_files, load_text
from shared.messages import Alternative, Reduction

STARANISO: Final = "STARANISO"
FILES: Final[dict[str, FileKind]] = {
    "truncate-unique.mtz": "result",
    "staraniso_alldata-unique.mtz": "result",
    "summary.html": "report",
    "report.pdf": "report",
    "report_staraniso.pdf": "report",
    "aimless_unmerged.mtz": "result",
    "autoPROC.xml": "result",
    "autoPROC_staraniso.xml": "result",
    "autoPROC.log": "log",
    "[0-9][0-9]_*.log": "log",
    "job.json": "input",
}


def read_autoproc(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not; STARANISO's reduction stands beside autoPROC's own."""
    own, anisotropic = read_container(directory / "autoPROC.xml"), read_container(directory / "autoPROC_staraniso.xml")
    log = load_text(directory / "autoPROC.log") or load_text(next(directory.glob("[0-9][0-9]_autoPROC.log"), directory))
    version = last_match(r"autoPROC\D{0,40}(\d+\.\d+\.\d+\S*)", log)
    return Findings(
        own,
        list_files(directory, FILES),
        {"autoPROC": version} if version else {},
        absent([("merging statistics", own.shells), ("unit cell", own.unit_cell)]),
        () if anisotropic == Reduction() else (Alternative(name=STARANISO, reduction=anisotropic),),
    )

"""What autoPROC leaves in its folder: autoPROC.xml, and for STARANISO's view of the data autoPROC_staraniso.xml."""

from pathlib import Path

from services.launcher.pipelines.autoproc import FOLDER
from services.launcher.reports.autoproc_container import Container, read_container
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
from services.launcher.reports.readers import last_match, load_text
from shared.messages import Alternative, Reduction

FILES = (
    FilePattern(f"{FOLDER}/truncate-unique.mtz", "result", MERGED),
    FilePattern(f"{FOLDER}/staraniso_alldata-unique.mtz", "result", MERGED),
    FilePattern(f"{FOLDER}/summary.html", "report", REPORT),
    FilePattern(f"{FOLDER}/summary_inlined.html", "report", REPORT),
    FilePattern(f"{FOLDER}/report.pdf", "report", REPORT),
    FilePattern(f"{FOLDER}/report_staraniso.pdf", "report", REPORT),
    FilePattern(f"{FOLDER}/autoPROC.xml", "result", STATISTICS),
    FilePattern(f"{FOLDER}/autoPROC_staraniso.xml", "result", STATISTICS),
    FilePattern(f"{FOLDER}/*.mtz", "result", FURTHER),
    FilePattern(f"{FOLDER}/*.log", "log", LOG),
    FilePattern(f"{FOLDER}/*.LP", "log", LOG),
)
STARANISO = "STARANISO"
BEAM_IN_MM_SINCE = 20210420
"""autoPROC's release that writes the beam in millimetres; those before it write pixels, or worse."""


def read_autoproc(directory: Path) -> Findings:
    """Everything that can be read of a run, be it whole or not."""
    isotropic = read_container(directory / FOLDER / "autoPROC.xml")
    anisotropic = read_container(directory / FOLDER / "autoPROC_staraniso.xml")
    log = load_text(next(directory.glob("[0-9][0-9]_autoPROC.log"), directory))
    version = _version(isotropic.program) or _version(anisotropic.program) or _version(log)
    reduction, second = _with_beam(isotropic, version), _with_beam(anisotropic, version)
    return Findings(
        reduction,
        list_files(directory, FILES),
        {"autoPROC": version} if version else {},
        absent(reduction, "shells", "unit_cell", "space_group"),
        () if second == Reduction() else (Alternative(name=STARANISO, reduction=second),),
    )


def _version(text: str) -> str | None:
    """As in ``autoPROC 1.0.5 (20240710 build 2)``: the release's date, else the number."""
    dated = last_match(r"autoPROC[^(\n]{0,40}\((\d{8})\b", text)
    return dated or last_match(r"autoPROC (?:version |snapshot )?(\d[\w.]{0,30})", text)


def _with_beam(container: Container, version: str | None) -> Reduction:
    """Along the fast axis first, as autoPROC writes it and ISPyB does not."""
    in_mm = version is not None and version.isdecimal() and int(version) >= BEAM_IN_MM_SINCE
    return container.reduction.model_copy(update={"beam_centre_mm": container.beam if in_mm else None})

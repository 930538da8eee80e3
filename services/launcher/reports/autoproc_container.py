"""ISPyB's AutoProcContainer, the XML that fast_dp, autoPROC and STARANISO write for the facility's database.

Sweeps repeat AutoProc and AutoProcScalingContainer; elements may be missing, empty, one or many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.launcher.reports.readers import load_bytes, read_cell, read_pair, read_shell, read_word
from shared.messages import Reduction, Shell

CELL = ("a", "b", "c", "alpha", "beta", "gamma")
SHELLS = {"overall": "overall", "innerShell": "inner", "outerShell": "outer"}
STATISTICS = {
    "d_max_A": "resolutionLimitLow",
    "d_min_A": "resolutionLimitHigh",
    "n_observations": "nTotalObservations",
    "n_unique": "nTotalUniqueObservations",
    "completeness_percent": "completeness",
    "multiplicity": "multiplicity",
    "i_over_sigma": "meanIOverSigI",
    "r_merge": "rMerge",
    "r_meas": "rMeasAllIPlusIMinus",
    "r_meas_anomalous": "rMeasWithinIPlusIMinus",
    "r_pim": "rPimAllIPlusIMinus",
    "r_pim_anomalous": "rPimWithinIPlusIMinus",
    "cc_half": "ccHalf",
    "cc_anomalous": "ccAnomalous",
    "anomalous_completeness_percent": "anomalousCompleteness",
    "anomalous_multiplicity": "anomalousMultiplicity",
}


@dataclass(frozen=True, slots=True)
class Container:
    """What was read of one file.

    Attributes:
        beam: refinedXBeam and refinedYBeam as they are written; axes and unit depend on the program.
        program: processingPrograms, which may hold a version.
    """

    reduction: Reduction
    beam: tuple[float, float] | None = None
    program: str = ""


def read_container(path: Path) -> Container:
    """The first AutoProc and the last scaling container; all empty if the file is not there, not whole, or not safe."""
    try:
        root = fromstring(load_bytes(path))
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: an encoding that does not exist
        return Container(Reduction())
    processed = next(root.iter("AutoProc"), None)
    scaled = next(reversed(list(root.iter("AutoProcScalingContainer"))), root)
    reduction = Reduction(
        space_group=read_word(_text(processed, "spaceGroup")),
        unit_cell=read_cell([_text(processed, f"refinedCell_{name}") for name in CELL]),
        shells=tuple(_shells(scaled)),
    )
    return Container(reduction, _beam(scaled), _text(next(root.iter("AutoProcProgram"), None), "processingPrograms"))


def _text(parent: Element | None, name: str) -> str:
    return ((parent.findtext(name) if parent is not None else None) or "").strip()


def _shells(container: Element) -> Iterator[Shell]:
    """Overall, inner, outer; the first of each counts."""
    written = list(container.iter("AutoProcScalingStatistics"))
    blocks = {_text(block, "scalingStatisticsType"): block for block in reversed(written)}
    for theirs, ours in SHELLS.items():
        values = {key: _text(blocks.get(theirs), name) for key, name in STATISTICS.items()}
        if (shell := read_shell(ours, values)) is not None:
            yield shell


def _beam(container: Element) -> tuple[float, float] | None:
    integrated = next(container.iter("AutoProcIntegration"), None)
    return read_pair([_text(integrated, "refinedXBeam"), _text(integrated, "refinedYBeam")])

"""ISPyB's AutoProcContainer, the XML that fast_dp and autoPROC write: cell, space group, statistics, versions.

Elements may be missing, empty or repeated; of repeated reductions the first counts, of repeated scalings the last.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.launcher.reports.findings import LONGEST_LOG, read_cell, read_shell
from shared.messages import Reduction, Shell

SHELLS: Final = {"overall": "overall", "innerShell": "inner", "outerShell": "outer"}
COUNTS: Final = {"n_observations": "nTotalObservations", "n_unique": "nTotalUniqueObservations"}
NUMBERS: Final = {
    "d_max_A": "resolutionLimitLow",
    "d_min_A": "resolutionLimitHigh",
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
CELL: Final = ("refinedCell_a", "refinedCell_b", "refinedCell_c")
ANGLES: Final = ("refinedCell_alpha", "refinedCell_beta", "refinedCell_gamma")


def read_container(path: Path) -> Reduction:
    """What a container says; an empty reduction if it cannot be read."""
    root = _root(path)
    if root is None:
        return Reduction()
    reduced, scalings = root.find(".//AutoProc"), root.findall(".//AutoProcScalingContainer")
    return Reduction(
        space_group=None if reduced is None else _text(reduced, "spaceGroup"),
        unit_cell=None if reduced is None else read_cell([_number(reduced, name) for name in CELL + ANGLES]),
        shells=tuple(_shells(scalings[-1])) if scalings else (),
    )


def _root(path: Path) -> Element | None:
    try:
        with path.open("rb") as file:
            root: Element = fromstring(file.read(LONGEST_LOG))
    except (OSError, ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root


def _shells(scaling: Element) -> Iterator[Shell]:
    """Overall first, then inner and outer, whatever their order in the file."""
    found = {_text(statistics, "scalingStatisticsType"): statistics for statistics in _statistics(scaling)}
    for theirs, ours in SHELLS.items():
        if (statistics := found.get(theirs)) is not None and (shell := _shell(statistics, ours)) is not None:
            yield shell


def _statistics(scaling: Element) -> Iterator[Element]:
    return scaling.iter("AutoProcScalingStatistics")


def _shell(statistics: Element, name: str) -> Shell | None:
    numbers = {ours: _number(statistics, theirs) for ours, theirs in NUMBERS.items()}
    counts = {ours: _number(statistics, theirs) for ours, theirs in COUNTS.items()}
    whole = {ours: value if value is None else round(value) for ours, value in counts.items()}
    return read_shell({"shell": name, **numbers, **whole})


def _text(parent: Element, name: str) -> str | None:
    found = parent.find(name)
    return (found.text or "").strip() or None if found is not None else None


def _number(parent: Element, name: str) -> float | None:
    """A finite number, written as ``.058`` or ``8.6``."""
    try:
        number = float(_text(parent, name) or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None

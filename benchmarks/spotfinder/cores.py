"""Cores that a detector at full speed needs, from a run's figures: ``python -m benchmarks.spotfinder.cores RUN``."""

import argparse
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import NamedTuple

from benchmarks.spotfinder.figures import Report, SetFigures
from benchmarks.spotfinder.markdown import figure, table
from benchmarks.spotfinder.names import DIALS_FIND_SPOTS, OURS


class Demand(NamedTuple):
    """A detector at its frame rate [Hz], and the set that stands for its images."""

    detector: str
    rate_hz: float
    set_name: str


DEMANDS = (
    Demand("EIGER2 16M", 133, "16M-u16"),
    Demand("EIGER2 16M, 32 bits", 133, "16M-u32"),
    Demand("EIGER2 9M", 230, "9M-u16"),
    Demand("EIGER2 4M", 560, "4M-u16"),
    Demand("EIGER2 4M", 750, "4M-u16"),
    Demand("EIGER2 4M, 300 spots/Mpx", 560, "4M-full"),
    Demand("EIGER2 4M, 4 counts/px", 560, "4M-4"),
)
"""The four that matter, and the same detectors on the images that take longest."""

PUBLISHED = (
    (
        "DIALS per-image analysis, EIGER 16M",
        "1.8-2.0 s per image on one core: 240-270 cores at 133 Hz",
        "dials #1587, #1680",
    ),
    ("distl.signal_strength, PILATUS 6M", "1-2 s per image; a server of many cores >= 12 Hz", "LABELIT, client-server"),
    (
        "CrystFEL, EIGER2 16M: search, index, integrate",
        "133 Hz on a node of 96 cores; 242 ms per blank image, 455 ms per hit, on one",
        "White et al. (2025), IUCrJ 12, 97",
    ),
    ("fast-feedback-service (Diamond)", "500 Hz on a GPU, decompression on CPU threads", "its README"),
    ("dials-metal-spotfinder, 16M, dispersion_extended", "12.1 ms per image on a GPU: 83 Hz", "its README"),
    ("pyFAI peak finder, Jungfrau 4M", "925 Hz on a GPU", "Kieffer et al. (2025), arXiv 2411.09515"),
    ("Jungfraujoch, Jungfrau 4M", "2 kHz on FPGAs and GPUs", "Leonarski et al. (2023), J. Synchrotron Rad."),
)
"""Of others, on their machines: whose, what, source."""


def cores_table(report: Report) -> str:
    """One line for each detector whose set was measured."""
    header = ("detector", "rate", "set", "CPU ms", "cores", "whole cores", "decompression alone", "DIALS", "from file")
    return table(header, lines(report))


def lines(report: Report) -> Iterator[tuple[str, ...]]:
    """CPU time per image times images per second is cores; from a file, what one worker process did per second."""
    sets = report.by_name()
    for detector, rate_hz, name in DEMANDS:
        if name in sets and OURS in sets[name].rows:
            ours, floor, dials = (cores(sets[name], row, rate_hz) for row in (OURS, sets[name].floor, DIALS_FIND_SPOTS))
            whole = str(ceil(ours)) if ours else "-"
            cells = (figure(ours), whole, figure(floor), figure(dials), figure(cores_from_file(report, name, rate_hz)))
            yield detector, f"{rate_hz:g} Hz", name, figure(sets[name].rows[OURS].best_ms), *cells


def cores(figures: SetFigures, row: str, rate_hz: float) -> float | None:
    """Of one row at a frame rate; None if it was not measured."""
    return figures.rows[row].best_ms / 1e3 * rate_hz if row in figures.rows else None


def cores_from_file(report: Report, name: str, rate_hz: float) -> float | None:
    """Worker processes that read the file as well; None if they were not measured on this set."""
    rates = [workers.images_per_s(1) for workers in report.workers if workers.name == name]
    return rate_hz / rates[0] if rates else None


def published_table() -> str:
    """What others say of theirs."""
    return table(("whose", "published", "source"), PUBLISHED)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="JSON of `python -m benchmarks.spotfinder --json`")
    report = Report.model_validate_json(parser.parse_args().run.read_bytes())
    print(cores_table(report), published_table(), sep="\n\n")


if __name__ == "__main__":
    main()

"""Whether our spots and figures are those of DIALS: `python -m benchmarks.spotfinder.compare_with_dials [MASTER]`."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import hdf5plugin
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from services.spotfinder.analysis import warm_up
from services.spotfinder.finder import Algorithm, Parameters, SpotFinder
from services.spotfinder.images import OpenFiles, open_images
from services.spotfinder.per_image_analysis import ImageAnalysis, describe_spots

ROOT = Path(__file__).parents[2]
SHIPPED_GRID = ROOT / "tests/data/thaumatin_grid/thaumatin_grid_master.h5"
DIALS_PYTHON = "/usr/bin/python3"
CENTROID_TOLERANCE_PX = 1e-3
FIGURE_TOLERANCE = 1e-3
EXACT = ("n_spots_total", "n_spots_no_ice", "n_spots_4A", "total_intensity")

Spots = NDArray[np.float64]  # a row x [px], y [px], counts for each spot


@dataclass(frozen=True)
class Result:
    """What one program says of one image."""

    spots: Spots
    analysis: ImageAnalysis


@dataclass(frozen=True)
class Comparison:
    """What both say of one image, and how long we took [s]."""

    image: int
    ours: Result
    dials: Result
    seconds: float

    @property
    def n_spots(self) -> int:
        """Spots that either found."""
        return len(self.ours.spots) + len(self.dials.spots) - self.n_equal_spots

    @property
    def n_equal_spots(self) -> int:
        """Spots that both found: the same centroid, and exactly the same counts."""
        return count_equal_spots(self.ours.spots, self.dials.spots)

    @property
    def different_figures(self) -> list[str]:
        """Names of the figures that are not equal."""
        pairs = zip(ImageAnalysis._fields, self.ours.analysis, self.dials.analysis, strict=True)
        return [name for name, ours, dials in pairs if not are_equal(ours, dials, exactly=name in EXACT)]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.n_equal_spots == self.n_spots and not self.different_figures


def are_equal(ours: float | None, dials: float | None, *, exactly: bool) -> bool:
    """Equal within the tolerance, or exactly; both may be missing."""
    if ours is None or dials is None:
        return ours is dials
    return abs(ours - dials) <= (0 if exactly else FIGURE_TOLERANCE)


def count_equal_spots(ours: Spots, dials: Spots) -> int:
    """Number of pairs, one of each, with the same centroid and the same counts, which are whole numbers."""
    if not len(ours) or not len(dials):
        return 0
    ours_found, _ = KDTree(dials).query(ours, p=np.inf, distance_upper_bound=CENTROID_TOLERANCE_PX)
    dials_found, _ = KDTree(ours).query(dials, p=np.inf, distance_upper_bound=CENTROID_TOLERANCE_PX)
    return int(min(np.isfinite(ours_found).sum(), np.isfinite(dials_found).sum()))


def complete_grid() -> Path | None:
    """All 19 images of the thaumatin grid, below ``$MXMESH_DATA`` or beside the checkout; None if not there."""
    master = data_folder() / "thaumatin_grid_nxmx/thau_3_2_master.h5"
    return master if master.exists() else None


def real_eiger_16m() -> Path:
    """One image of an EIGER 16M, as it is shipped."""
    return ROOT / "tests/data/eiger16m/dlsnxs2cbf_therm_0001.cbf.gz"


def data_folder() -> Path:
    """Images too large to be shipped."""
    return Path(os.environ.get("MXMESH_DATA", ROOT.parent / "shared/data"))


def compare(master: Path, algorithm: Algorithm = "dispersion") -> Iterator[Comparison]:
    """Our results of each image beside those of DIALS.

    Raises:
        subprocess.CalledProcessError: if DIALS fails; its standard error is printed.
    """
    warm_up()
    dials = run_dials(master, algorithm)
    parameters = Parameters(algorithm=algorithm)
    source = open_images(master, OpenFiles(limit=4))
    finder = SpotFinder(source.mask, source.detector.saturation)
    for image, theirs in enumerate(dials):
        start = perf_counter()
        with source.stored(image) as stored:
            spots = finder.find_spots(stored, parameters)
        analysis = describe_spots(spots, source.detector.d_spacings(spots.x, spots.y), parameters)
        seconds = perf_counter() - start
        yield Comparison(image, Result(np.column_stack(spots[:3]), analysis), theirs, seconds)


def run_dials(master: Path, algorithm: Algorithm) -> list[Result]:
    """What DIALS says of each image; it needs HDF5's bitshuffle filter, which Debian does not have."""
    environment = {**os.environ, "HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH}
    script = Path(__file__).with_name("dials_reference.py")
    command = [DIALS_PYTHON, str(script), str(master), algorithm]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=script.parent)
    return [_result(**image) for image in json.loads(done.stdout)]


def _result(spots: list[list[float]], analysis: dict[str, Any]) -> Result:
    figures: dict[str, Any] = {name: None if value == -1 else value for name, value in analysis.items()}
    return Result(np.array(spots, float).reshape(-1, 3), ImageAnalysis(**figures))


def print_table(comparisons: list[Comparison]) -> None:
    """One line for each image and program, and what it comes to."""
    print(f"{'image':>5} {'':5} {'spots':>6}", *(f"{name:>20}" for name in ImageAnalysis._fields), f"{'ms':>7}")
    for comparison in comparisons:
        print_line(comparison.image, "ours", comparison.ours, f"{1e3 * comparison.seconds:7.1f}")
        print_line(comparison.image, "DIALS", comparison.dials, " ".join(comparison.different_figures))
    n_equal, n_spots = sum(c.n_equal_spots for c in comparisons), sum(c.n_spots for c in comparisons)
    n_equal_images = sum(c.is_equal for c in comparisons)
    print(f"{n_equal_images}/{len(comparisons)} images equal, {n_equal}/{n_spots} spots equal")


def print_line(image: int, program: str, result: Result, remark: str) -> None:
    """One program's figures of one image."""
    figures = ("-" if value is None else f"{value:.10g}" for value in result.analysis)
    print(f"{image:5} {program:5} {len(result.spots):6}", *(f"{figure:>20}" for figure in figures), remark)


def main() -> int:
    """Compare, print, and exit with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "master", type=Path, nargs="?", default=complete_grid() or SHIPPED_GRID, help="NXmx master file"
    )
    parser.add_argument("--algorithm", choices=get_args(Algorithm), default="dispersion", help="of both programs")
    arguments = parser.parse_args()
    comparisons = list(compare(arguments.master.resolve(), arguments.algorithm))
    print_table(comparisons)
    return 0 if comparisons and all(comparison.is_equal for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())

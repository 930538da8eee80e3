"""A picture of a run: who takes how many times as long as mere decompression."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.spotfinder.figures import Report
from benchmarks.spotfinder.names import BITSHUFFLE, DIALS_EXTENDED, DIALS_FIND_SPOTS, LZ4, OURS

mpl.use("Agg")
from matplotlib import pyplot as plt

SHOWN = {
    LZ4: "0.75",
    BITSHUFFLE: "0.5",
    OURS: "C3",
    "bslz4_to_sparse": "C8",
    "peakfinder8 (OM), full": "C2",
    "mxspots findspots": "C1",
    "mxspots score": "C6",
    DIALS_FIND_SPOTS: "C0",
    DIALS_EXTENDED: "C9",
    "numpy and scipy, naive": "C5",
}
"""Rows and their colours."""

GROUP = 0.85
"""Width of a set's bars; sets are 1 apart."""


def plot(report: Report, path: Path) -> None:
    """Grouped bars of multiples of the floor, logarithmic, a group for each set."""
    shown = [row for row in SHOWN if any(row in figures.rows for figures in report.sets)]
    figure, axes = plt.subplots(figsize=(min(max(8, 1.5 * len(report.sets)), 16), 6), layout="constrained")
    width = GROUP / len(shown)
    for number, row in enumerate(shown):
        heights = [figures.multiple(row, figures.floor) or np.nan for figures in report.sets]
        places = np.arange(len(report.sets)) + (number + 0.5) * width - GROUP / 2
        bars = axes.bar(places, heights, width, label=row, color=SHOWN[row])
        axes.bar_label(bars, [f"{height:.2g}" if row == OURS else "" for height in heights], fontsize=8)
    axes.axhline(1, color="k", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylabel("CPU time per image / bitshuffle-LZ4 decompression of it")
    axes.set_xticks(range(len(report.sets)), [f"{s.name}\n{s.counts_per_px:.2g} counts/px" for s in report.sets])
    axes.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)

"""Every figure over time, as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.soak.judgement import Finding, Row
from benchmarks.soak.sampling import Sample

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

LOGARITHMIC = ("COMMIT",)
"""Groups whose longest would hide their medians."""
N_COLUMNS, PANEL_INCHES = 3, (6.5, 4)


def draw(samples: Sequence[Sample], findings: Sequence[Finding], path: Path) -> None:
    """A panel for each group and unit, all rows in it; what has grown is drawn thick."""
    grown = {finding.row for finding in findings if finding.grown}
    panels: dict[tuple[str, str], list[Row]] = {}
    for row in (finding.row for finding in findings):
        panels.setdefault((row.group, row.unit if row.group != "broker" else row.name), []).append(row)
    n_lines = -(-len(panels) // N_COLUMNS)
    size = (N_COLUMNS * PANEL_INCHES[0], n_lines * PANEL_INCHES[1])
    figure, axes = plt.subplots(n_lines, N_COLUMNS, figsize=size, squeeze=False, layout="constrained")
    for axis, ((group, _), rows) in zip(axes.flat, panels.items(), strict=False):
        _panel(axis, group, rows, samples, grown)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _panel(axis: Axes, group: str, rows: Sequence[Row], samples: Sequence[Sample], grown: set[Row]) -> None:
    for number, row in enumerate(rows):
        points = [(sample.minute, sample.values[row]) for sample in samples if row in sample.values]
        style = ("-", "--", ":")[number // 10 % 3]
        label = f"{row.name} (grown)" if row in grown else row.name
        axis.plot(*zip(*points, strict=True), style, linewidth=3 if row in grown else 1.2, label=label)
    if group in LOGARITHMIC:
        axis.set(title=group, xlabel="minutes", ylabel=rows[0].unit, yscale="log")
    else:
        axis.set(title=group, xlabel="minutes", ylabel=rows[0].unit or "number", ylim=(0, None))
    axis.legend(fontsize=6, loc="best", ncols=2)

"""The figures as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import ScalarFormatter


def draw(data: dict[str, dict[str, Any]], path: Path) -> None:
    """One panel for each section that has a curve: block size, growth, crowd."""
    panels = [(data[name], plot) for name, plot in PANELS.items() if name in data]
    figure, axes = plt.subplots(1, len(panels), figsize=(6 * len(panels), 4), squeeze=False, layout="constrained")
    for axis, (section, plot) in zip(axes[0], panels, strict=True):
        plot(axis, section)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _blocks(axis: Axes, section: dict[str, Any]) -> None:
    blocks = [each["block"] for each in section["blocks"]]
    axis.semilogx(blocks, [each["rate"] for each in section["blocks"]], "o-", base=2, label="throughput")
    axis.set(title="block size", xlabel="images per block", ylabel="images per second", ylim=(0, None))
    delays = axis.twinx()
    for key, style, label in (("first_result_s", "s--", "first result"), ("centre_s", "^--", "centre")):
        delays.semilogx(blocks, [each[key] for each in section["blocks"]], style, base=2, label=label, color="C3")
    delays.set(ylabel="delay, p50 [s]", ylim=(0, None))
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.legend(loc="upper center")
    delays.legend(loc="lower center")


def _growth(axis: Axes, section: dict[str, Any]) -> None:
    sizes = [each["n_images"] for each in section["sizes"]]
    axis.semilogx(sizes, [each["overhead_ms"] for each in section["sizes"]], "o-", label="CPU of the mesh")
    axis.semilogx(sizes, [each["cpu_ms"]["workers"] for each in section["sizes"]], "s-", label="CPU of the workers")
    axis.semilogx(sizes, [each["wall_ms"] for each in section["sizes"]], "^--", label="wall")
    axis.set(title="growth", xlabel="images of the grid", ylabel="ms per image", ylim=(0, None))
    axis.legend()


def _crowd(axis: Axes, section: dict[str, Any]) -> None:
    for each in section["crowds"]:
        finished = [took / max(each["finished_s"]) for took in each["finished_s"]]
        axis.plot([each["n_grids"]] * len(finished), finished, "o", color="C0")
    axis.set(title="grids at once", xlabel="grids", ylabel="finished, in the time of all", ylim=(0, 1.05))


PANELS = {"blocks": _blocks, "growth": _growth, "crowd": _crowd}

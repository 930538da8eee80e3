"""What the runs of one rotation say: their times, and whether every way found the same, and the truth."""

from collections.abc import Iterator

from benchmarks.figures import Figure, Section
from benchmarks.processing.scans import ENANTIOMORPHS
from benchmarks.processing.through_the_mesh import Processed
from shared.messages import Reduction
from simulator.rotation import RotationScan

OVERHEAD_PERCENT = 3.0


def describe(
    name: str, scan: RotationScan, hand: list[tuple[float, Reduction]], meshed: dict[str, list[Processed]]
) -> Section:
    """Times and overheads; whether every way found the same, and the truth."""
    by_hand_s = min(seconds for seconds, _ in hand)
    section = Section(f"{name}: {scan.n_images} images of {scan.width:g} degrees", [Figure("by hand", by_hand_s, "s")])
    reference = hand[0][1]
    found = {"by hand again": [reduction for _, reduction in hand[1:]]}
    for backend, runs in meshed.items():
        section.figures += times(backend, runs, by_hand_s)
        found[backend] = [run.result.reduction for run in runs]
    section.lines += [compared(way, reductions, reference) for way, reductions in found.items()]
    section.lines.append(against_truth(scan, reference))
    section.data = {
        "by_hand_s": [seconds for seconds, _ in hand],
        "reduction": reference.model_dump(mode="json"),
        "meshed": {backend: [run.times() for run in runs] for backend, runs in meshed.items()},
    }
    return section


def times(backend: str, runs: list[Processed], by_hand_s: float) -> list[Figure]:
    """Of the quickest run; the waits of the run with the shortest."""
    seconds = min(run.seconds for run in runs)
    return [
        Figure(f"{backend}: request to result in the database", seconds, "s"),
        Figure(f"{backend}: request to first program", min(run.until_started_s for run in runs), "s"),
        Figure(f"{backend}: of all the time, no program ran for", min(run.idle_s for run in runs), "s"),
        Figure(f"{backend}: CPU time of broker and services", min(run.mesh_cpu_s for run in runs), "s"),
        Figure(f"{backend}: the mesh's own part", min(run.own_percent for run in runs), "%", OVERHEAD_PERCENT),
        Figure(f"{backend}: overhead, by the clock", 100 * (seconds / by_hand_s - 1), "%", OVERHEAD_PERCENT),
    ]


def compared(way: str, reductions: list[Reduction], reference: Reduction) -> str:
    """Whether all are exactly what was found by hand; else where they differ."""
    wrong = {difference for reduction in reductions for difference in differences(reduction, reference)}
    if not wrong:
        return f"{way} ({len(reductions)}): cell, space group, counts and statistics are equal to those by hand"
    return f"{way}: NOT as by hand: {'; '.join(sorted(wrong))}"


def differences(found: Reduction, reference: Reduction) -> Iterator[str]:
    """Every value that is not exactly the same."""
    values, wanted = dict(_flat("", found.model_dump())), dict(_flat("", reference.model_dump()))
    for name in sorted(values | wanted):
        if values.get(name) != wanted.get(name):
            yield f"{name} {values.get(name)} (by hand {wanted.get(name)})"


def _flat(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list | tuple):
        parts = list(enumerate(value))
    else:
        yield name, value
        return
    for key, part in parts:
        yield from _flat(f"{name}.{key}" if name else str(key), part)


def against_truth(scan: RotationScan, found: Reduction) -> str:
    """How far the cell is off, and whether the space group is right."""
    truth = scan.truth()
    if found.unit_cell is None:
        return "no cell"
    off = max(abs(a / b - 1) for a, b in zip(found.unit_cell, truth.cell, strict=True))
    right = found.space_group in ENANTIOMORPHS[truth.space_group]
    cell = ", ".join(f"{length:.2f}" for length in found.unit_cell[:3])
    return (
        f"cell {cell} Å, at most {100 * off:.2f} % off the truth; "
        f"space group {found.space_group}: {'right' if right else 'WRONG'} (truth: {truth.space_group})"
    )

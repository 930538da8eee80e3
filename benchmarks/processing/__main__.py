"""Rotations processed by DIALS by hand and through the mesh: what the mesh costs, and whether it finds the same.

Two simulated rotations, whose cell and space group are known, go through the `dials` pipeline: once as a user would run
its programs in a shell, then asked of a mesh, for each backend. Both take turns.

Examples:
  python -m benchmarks.processing
  python -m benchmarks.processing --scans lysozyme --rounds 3 --json processing.json
  python -m benchmarks.processing --launcher slurm.json     # settings of another backend, beside the local one
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from benchmarks.cache import cache_folder
from benchmarks.figures import Figure, Section
from benchmarks.processing import by_hand
from benchmarks.processing.scans import ENANTIOMORPHS, SCANS
from benchmarks.processing.through_the_mesh import Processed, working_mesh
from shared.messages import Collection, Parameters, Reduction
from simulator.collection import write_live
from simulator.frames import cached_frames
from simulator.gda import Session, describe_rotation
from simulator.rotation import RotationScan

QUICK: Parameters = {"index_method": "fft1d", "max_refine": 5, "outlier": "tukey", "scan_varying": False}
OVERHEAD_PERCENT = 3.0


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.processing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scans", nargs="+", choices=SCANS, default=list(SCANS), help="which rotations; default: all")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each; the quickest counts")
    parser.add_argument(
        "--launcher", nargs="+", type=Path, default=[], metavar="FILE.json", help="settings of further backends"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    """Measure, print each rotation as it is done."""
    options = arguments()
    backends = {"local": {}} | {path.stem: json.loads(path.read_text()) for path in options.launcher}
    everything = {}
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        for name in options.scans:
            section = anyio.run(measure, name, backends, options.rounds, Path(folder))
            print(section, flush=True)
            everything[name] = section.data
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


async def measure(name: str, backends: dict[str, Any], rounds: int, folder: Path) -> Section:
    """One rotation, by hand and through the mesh, in turn."""
    scan, data = SCANS[name](), folder / name
    collection = describe_rotation(Session(data / "cm12345-1"), scan, 1 + list(SCANS).index(name))
    await to_thread.run_sync(store, scan, collection)
    hand: list[tuple[float, Reduction]] = []
    meshed: dict[str, list[Processed]] = {backend: [] for backend in backends}
    for number in range(rounds):
        directory = data / f"by-hand-{number}"
        work = partial(by_hand.process, Path(collection.master_path), scan.n_images, directory, QUICK)
        hand.append(await to_thread.run_sync(work))
        for backend, settings in backends.items():
            async with working_mesh(data / f"mesh-{backend}-{number}", data, settings) as rig:
                attempt = 1 + number * len(backends) + list(backends).index(backend)
                meshed[backend].append(await rig.process(collection, QUICK, attempt))
    return describe(name, scan, hand, meshed)


def store(scan: RotationScan, collection: Collection) -> None:
    """Write the images."""
    master = Path(collection.master_path)
    master.parent.mkdir(parents=True)
    write_live(scan, cached_frames(scan, cache_folder() / "frames"), master)


def describe(
    name: str, scan: RotationScan, hand: list[tuple[float, Reduction]], meshed: dict[str, list[Processed]]
) -> Section:
    """Times and overheads; whether every way found the same, and the truth."""
    by_hand_s = min(seconds for seconds, _ in hand)
    section = Section(f"{name}: {scan.n_images} images of {scan.width:g} degrees", [Figure("by hand", by_hand_s, "s")])
    reference = hand[0][1]
    for backend, runs in meshed.items():
        seconds = min(run.seconds for run in runs)
        overhead = 100 * (seconds / by_hand_s - 1)
        started_s = min(run.until_started_s for run in runs)
        section.figures += [
            Figure(f"{backend}: request to result in the database", seconds, "s"),
            Figure(f"{backend}: request to first program", started_s, "s"),
            Figure(f"{backend}: overhead", overhead, "%", OVERHEAD_PERCENT),
        ]
        same = all(run.result.reduction == reference for run in runs)
        section.lines.append(
            f"{backend}: {'the same' if same else 'NOT the same'} cell, space group and statistics as by hand"
        )
    section.lines.append(against_truth(scan, reference))
    section.data = {
        "by_hand_s": [seconds for seconds, _ in hand],
        "reduction": reference.model_dump(mode="json"),
        "meshed": {
            backend: [{"seconds": run.seconds, "until_started_s": run.until_started_s} for run in runs]
            for backend, runs in meshed.items()
        },
    }
    return section


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


if __name__ == "__main__":
    main()

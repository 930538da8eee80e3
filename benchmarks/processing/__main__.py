"""Rotations processed by DIALS by hand and through the mesh: what the mesh costs, and whether it finds the same.

Two simulated rotations, whose cell and space group are known, go through the `dials` pipeline: once as a user would run
its programs in a shell, then asked of a mesh, for each backend. All take turns.

Examples:
  python -m benchmarks.processing
  python -m benchmarks.processing --scans lysozyme --rounds 3 --json processing.json
  KUBECONFIG=$(.ci/cluster/up) python -m benchmarks.processing --backends local slurm kubernetes
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from benchmarks.cache import cache_folder
from benchmarks.figures import Section
from benchmarks.processing import by_hand
from benchmarks.processing.answer import describe
from benchmarks.processing.places import PLACES
from benchmarks.processing.scans import SCANS
from benchmarks.processing.through_the_mesh import Processed, working_mesh
from shared.messages import Collection, Parameters, Reduction
from simulator.collection import write_live
from simulator.frames import cached_frames
from simulator.gda import Session, describe_rotation
from simulator.rotation import RotationScan

QUICK: Parameters = {"index_method": "fft1d", "max_refine": 5, "outlier": "tukey", "scan_varying": False}
IMAGE = "docker.io/mxmesh/mxmesh-dials:test"


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.processing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scans", nargs="+", choices=SCANS, default=list(SCANS), help="which rotations; default: all")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each; the quickest counts")
    parser.add_argument("--backends", nargs="+", choices=PLACES, default=["local"], help="where; default: local")
    parser.add_argument("--image", default=IMAGE, help="of Kubernetes' runs; default: what `.ci/cluster/build` makes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    """Measure, print each rotation as it is done."""
    options = arguments()
    options.backends = [name for name in options.backends if is_here(name)]
    everything = {}
    for name in options.scans:
        with tempfile.TemporaryDirectory(prefix="mxmesh-processing-") as folder:
            Path(folder).chmod(0o755)  # for the user of pods
            section = anyio.run(measure, name, options, Path(folder))
        print(section, flush=True)
        everything[name] = section.data
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


def is_here(backend: str) -> bool:
    """Whether this machine has it; what is skipped is said."""
    if missing := PLACES[backend].missing():
        print(f"{backend}: SKIPPED, {missing}", flush=True)
    return not missing


async def measure(name: str, options: argparse.Namespace, folder: Path) -> Section:
    """One rotation, by hand and through the mesh, in turn."""
    scan = SCANS[name]()
    collection = describe_rotation(Session(folder / "cm12345-1"), scan, 1 + list(SCANS).index(name))
    await to_thread.run_sync(store, scan, collection)
    hand: list[tuple[float, Reduction]] = []
    meshed: dict[str, list[Processed]] = {backend: [] for backend in options.backends}
    for number in range(options.rounds):
        directory = folder / f"by-hand-{number}"
        work = partial(by_hand.process, Path(collection.master_path), scan.n_images, directory, QUICK)
        hand.append(await to_thread.run_sync(work))
        for backend, runs in meshed.items():
            attempt = 1 + sum(map(len, meshed.values()))
            with PLACES[backend].opened(folder, options.image) as settings:
                async with working_mesh(folder / f"mesh-{attempt}", folder, settings) as rig:
                    runs.append(await rig.process(collection, QUICK, attempt))
    return describe(name, scan, hand, meshed)


def store(scan: RotationScan, collection: Collection) -> None:
    """Write the images."""
    master = Path(collection.master_path)
    master.parent.mkdir(parents=True)
    write_live(scan, cached_frames(scan, cache_folder() / "frames"), master)


if __name__ == "__main__":
    main()

"""What a pipeline is: its programs, the parameters it takes, its steps, and the rule that judges each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from services.launcher.parameters import Number, Parameter, Text, Value
from shared.messages import PipelineFamily

PAYLOAD = Path(__file__).parents[1] / "payload"
SPACE_GROUP = r"[A-Za-z0-9 /:()\-]{1,20}"
CELL = r"\d+(\.\d+)?([ ,]+\d+(\.\d+)?){5}"
MASTERS = {".h5", ".hdf5", ".nxs"}
D_MIN = Number("d_min", "high resolution limit", 0.5, 20, "Å")
KNOWN = (
    Text("space_group", "known space group", SPACE_GROUP, "a symbol such as P43212"),
    Text("unit_cell", "known unit cell a, b, c [Å], alpha, beta, gamma [degrees]", CELL, "six numbers, commas between"),
)
ATOM = Text("atom", "anomalous scatterer", r"[A-Z][a-z]?", "an element's symbol such as Se")


class UnsuitableWorkError(ValueError):
    """What a pipeline's program cannot do; the text says why, and what can."""


def is_template(path: str) -> bool:
    """Whether every image is a file of its own, named by number in place of the last ``#``s of ``a_####.cbf``."""
    file = PurePosixPath(path)
    return "#" in file.name and file.suffix not in MASTERS


def image_file(path: str, image: int) -> str:
    """The file that holds an image, counted from 1: a master holds all, of a template each its own."""
    if not is_template(path):
        return path
    *before, hashes, after = re.split("(#+)", path)
    return f"{''.join(before)}{image:0{len(hashes)}d}{after}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Consecutive images of one collection.

    Attributes:
        file: absolute path of the NXmx master file, or a template such as a_####.cbf, whose file 1 is image 1.
        n_images: how many there are.
    """

    file: str
    n_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a pipeline is asked to do.

    Attributes:
        master_file: absolute path of the NXmx master file, or a template such as a_####.cbf, whose file 1 is image 1.
        n_images: images of the data set.
        n_processes: that one step may use.
        python: the system's python, for the payload's scripts.
        image_deadline_s: how long the last image may be late [s].
        parameters: checked values of the pipeline's allow-list.
        images: first and last image, counted from 1, both included; None for all.
        others: further sweeps, whole, that are processed together with the first.
    """

    master_file: str
    n_images: int
    n_processes: int
    python: str
    image_deadline_s: float
    parameters: Mapping[str, Value]
    images: tuple[int, int] | None = None
    others: tuple[Sweep, ...] = ()

    @property
    def first_and_last(self) -> tuple[int, int]:
        """First and last image to process, counted from 1."""
        return self.images or (1, self.n_images)

    def options(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """Command line options ``PHIL name=value`` of those parameters that are set."""
        return tuple(f"{phil}={self.parameters[name]}" for name, phil in names.items() if name in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One program and the rule that judges it: files decide, since exit statuses lie.

    Attributes:
        argv: argument vector; never a shell line.
        outputs: files that must be there afterwards, and not empty.
        forbidden: files that must not be there.
        exit_status_counts: whether a status other than 0 is a failure all the same.
        required: whether its failure ends the run.
    """

    name: str
    argv: tuple[str, ...]
    outputs: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    exit_status_counts: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One row of the table.

    Attributes:
        programs: must be found on PATH.
        modules: must be importable by the system's python.
        remedy: how to install what is missing.
        time_limit_s: of the whole run, unless the settings say otherwise [s].
        memory_gb: that all processes of a step may use together, unless the settings say otherwise [GB].
        mb_per_image: what a run writes for each image; where the figure comes from stands beside it [MB].
        working: patterns of names in a run's directory that only its own later steps read.
        multi_sweep: whether it takes more than one.
        cell_alone: whether it takes a unit cell without its space group.
    """

    name: str
    family: PipelineFamily
    programs: tuple[str, ...]
    modules: tuple[str, ...]
    remedy: str
    parameters: tuple[Parameter, ...] = field(repr=False)
    time_limit_s: float
    memory_gb: float
    mb_per_image: float
    steps: Callable[[Work], tuple[StepPlan, ...]]
    working: tuple[str, ...] = ()
    multi_sweep: bool = False
    cell_alone: bool = True

    def plan(self, work: Work) -> tuple[StepPlan, ...]:
        """The steps of this work.

        Raises:
            UnsuitableWorkError: the program cannot do it.
        """
        first, last = work.first_and_last
        if not 1 <= first <= last <= work.n_images:
            raise UnsuitableWorkError(f"images {first}-{last} are not among 1-{work.n_images} of the collection")
        if work.others and not self.multi_sweep:
            raise UnsuitableWorkError(f"{self.name} processes one sweep at a time; ask for dials or xia2-dials")
        if work.others and work.images:
            raise UnsuitableWorkError("a range of images goes with one sweep; leave out the range, or the other sweeps")
        if "unit_cell" in work.parameters and "space_group" not in work.parameters and not self.cell_alone:
            raise UnsuitableWorkError(f"{self.name} takes a unit cell only with its space group; give space_group, too")
        return self.steps(work)

    def disk_gb(self, work: Work) -> float:
        """What a run of this work will write [GB]."""
        first, last = work.first_and_last
        n_images = last - first + 1 + sum(other.n_images for other in work.others)
        return n_images * self.mb_per_image / 1000


def await_images(work: Work) -> tuple[StepPlan, ...]:
    """The steps that every pipeline begins with: all images of the range, and all of every other sweep."""
    _, last = work.first_and_last
    sweeps = (Sweep(work.master_file, last), *work.others)
    return tuple(_await(work, sweep, number) for number, sweep in enumerate(sweeps, start=1))


def _await(work: Work, sweep: Sweep, number: int) -> StepPlan:
    """Images in files of their own are written in order: the last one stands for all."""
    suffix = f"_{number}" if number > 1 else ""
    in_file = 1 if is_template(sweep.file) else sweep.n_images
    name, result = f"await_images{suffix}", f"images{suffix}.json"
    waited = (image_file(sweep.file, sweep.n_images), str(in_file), f"{work.image_deadline_s:g}", result)
    return StepPlan(name=name, argv=(work.python, f"{PAYLOAD}/await_images.py", *waited), outputs=(result,))

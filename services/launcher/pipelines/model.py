"""What a pipeline is: its programs, the parameters it takes, its steps, and the rule that judges each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.launcher.parameters import Number, Parameter, Text, Value
from shared.messages import PipelineFamily

PAYLOAD = Path(__file__).parents[1] / "payload"
SPACE_GROUP = r"[A-Za-z0-9 /:()\-]{1,20}"
CELL = r"\d+(\.\d+)?([ ,]+\d+(\.\d+)?){5}"
D_MIN = Number("d_min", "high resolution limit", 0.5, 20, "Å")
KNOWN = (
    Text("space_group", "known space group", SPACE_GROUP, "a symbol such as P43212"),
    Text("unit_cell", "known unit cell a, b, c [Å], alpha, beta, gamma [degrees]", CELL, "six numbers, commas between"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a pipeline is asked to do.

    Attributes:
        master_file: absolute path of the NXmx master file.
        n_images: images of the data set.
        n_processes: that one step may use.
        python: the system's python, for the payload's scripts.
        image_deadline_s: how long the last image may be late [s].
        parameters: checked values of the pipeline's allow-list.
        images: first and last image, counted from 1, both included; None for all.
        others: master files of further sweeps that are processed together with the first.
    """

    master_file: str
    n_images: int
    n_processes: int
    python: str
    image_deadline_s: float
    parameters: Mapping[str, Value]
    images: tuple[int, int] | None = None
    others: tuple[str, ...] = ()

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
    """

    name: str
    family: PipelineFamily
    programs: tuple[str, ...]
    modules: tuple[str, ...]
    remedy: str
    parameters: tuple[Parameter, ...] = field(repr=False)
    time_limit_s: float
    steps: Callable[[Work], tuple[StepPlan, ...]]


def await_images(work: Work) -> StepPlan:
    """The step that every pipeline begins with."""
    argv = (work.python, f"{PAYLOAD}/await_images.py", work.master_file, str(work.n_images))
    return StepPlan(
        name="await_images", argv=(*argv, f"{work.image_deadline_s:g}", "images.json"), outputs=("images.json",)
    )

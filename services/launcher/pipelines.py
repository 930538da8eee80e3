"""The table of pipelines: what each needs, what may be set, which programs run, and how each is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.launcher.parameters import Choice, Flag, Number, Parameter, Text, Value
from shared.messages import PipelineFamily

PAYLOAD = Path(__file__).parent / "payload"
LIMIT = "resolution_limit.phil"
SPACE_GROUP = r"[A-Za-z0-9 /:()\-]{1,20}"
CELL = r"\d+(\.\d+)?([ ,]+\d+(\.\d+)?){5}"


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
    """

    master_file: str
    n_images: int
    n_processes: int
    python: str
    image_deadline_s: float
    parameters: Mapping[str, Value]

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


def _models(stem: str) -> tuple[str, str]:
    return f"{stem}.expt", f"{stem}.refl"


def _dials(program: str, outputs: tuple[str, ...], *arguments: str, required: bool = True) -> StepPlan:
    return StepPlan(name=f"dials.{program}", argv=(f"dials.{program}", *arguments), outputs=outputs, required=required)


def _estimate_resolution(work: Work) -> StepPlan:
    """Where the data end, unless the request says so."""
    program = "dials.estimate_resolution"
    argv = (work.python, f"{PAYLOAD}/estimate_resolution.py", LIMIT, program, *_models("scaled"))
    return StepPlan(name=program, argv=argv, outputs=(LIMIT,))


def _merging_statistics(work: Work, *limit: str) -> StepPlan:
    result = "merging_statistics.json"
    argv = (work.python, f"{PAYLOAD}/merging_statistics.py", "scaled_unmerged.mtz", result, *limit)
    return StepPlan(name="merging_statistics", argv=argv, outputs=(result,))


def dials_steps(work: Work) -> tuple[StepPlan, ...]:
    """Data reduction by DIALS alone, from images to merged intensities."""
    nproc = f"nproc={work.n_processes}"
    outliers = {"outlier": "refinement.reflections.outlier.algorithm"}
    symmetry = {"space_group": "known_symmetry.space_group", "unit_cell": "known_symmetry.unit_cell"}
    lattice = {"index_method": "indexing.method", "max_refine": "basis_vector_combinations.max_refine"}
    index = work.options({**lattice, **symmetry, **outliers})
    refine = work.options({"scan_varying": "refinement.parameterisation.scan_varying", **outliers})
    cut = () if "d_min" in work.parameters else (LIMIT,)
    anomalous = work.options({"anomalous": "anomalous"})
    return (
        await_images(work),
        _dials("import", ("imported.expt",), work.master_file, "output.experiments=imported.expt"),
        _dials(
            "find_spots", ("strong.refl",), "imported.expt", nproc, *work.options({"d_min": "spotfinder.filter.d_min"})
        ),
        _dials("index", _models("indexed"), "imported.expt", "strong.refl", nproc, *index),
        _dials("refine", _models("refined"), *_models("indexed"), *refine),
        _dials(
            "integrate",
            _models("integrated"),
            *_models("refined"),
            nproc,
            *work.options({"d_min": "prediction.d_min", "profile_fitting": "profile.fitting"}),
        ),
        _dials("symmetry", _models("symmetrized"), *_models("integrated")),
        _dials(
            "scale",
            (*_models("scaled"), "scaled_unmerged.mtz"),
            *_models("symmetrized"),
            "output.unmerged_mtz=scaled_unmerged.mtz",
            *anomalous,
            *work.options({"d_min": "d_min"}),
        ),
        *(_estimate_resolution(work) for _ in cut),
        _merging_statistics(work, *cut),
        _dials("merge", ("merged.mtz",), *_models("scaled"), *cut, "output.mtz=merged.mtz"),
        _dials("report", ("dials.report.html",), *_models("scaled"), "output.html=dials.report.html", required=False),
    )


def xia2_steps(work: Work) -> tuple[StepPlan, ...]:
    """xia2 judges and retries its own steps; xia2.json alone proves nothing, since failed runs leave it, too."""
    options = work.options(
        {
            "d_min": "resolution.d_min",
            "cc_half": "resolution.cc_half",
            "space_group": "space_group",
            "unit_cell": "unit_cell",
            "atom": "atom",
        }
    )
    image = f"image={work.master_file}:1:{work.n_images}"
    argv = ("xia2", "pipeline=dials", image, f"multiprocessing.nproc={work.n_processes}", *options)
    failure = ("xia2-error.txt", "xia2.error")
    return (
        await_images(work),
        StepPlan(name="xia2", argv=argv, outputs=("xia2.json",), forbidden=failure, exit_status_counts=True),
    )


D_MIN = Number("d_min", "high resolution limit", 0.5, 20, "Å")
KNOWN = (
    Text("space_group", "known space group", SPACE_GROUP, "a symbol such as P43212"),
    Text("unit_cell", "known unit cell a, b, c [Å], alpha, beta, gamma [degrees]", CELL, "six numbers, commas between"),
)
DIALS_PROGRAMS = (
    *("import", "find_spots", "index", "refine", "integrate"),
    *("symmetry", "scale", "estimate_resolution", "merge", "report"),
)
TABLE = {
    pipeline.name: pipeline
    for pipeline in (
        Pipeline(
            name="dials",
            family="dials",
            programs=tuple(f"dials.{name}" for name in DIALS_PROGRAMS),
            modules=("iotbx", "h5py"),
            remedy="install DIALS (Debian: apt install dials), or put it on the launcher's PATH",
            parameters=(
                D_MIN,
                *KNOWN,
                Flag("anomalous", "keep Friedel mates apart in scaling"),
                Flag("scan_varying", "let cell and orientation vary along the scan; false is faster"),
                Flag("profile_fitting", "integrate by profile fitting too; false is faster and less accurate"),
                Choice("index_method", "search for the lattice; fft1d is faster", ("fft1d", "fft3d")),
                Number("max_refine", "candidate lattices to refine; 5 is fast, 50 DIALS' own", 1, 100, whole=True),
                Choice("outlier", "rejection of outliers; tukey is fast", ("auto", "tukey", "mcd", "sauter_poon")),
            ),
            time_limit_s=3600,
            steps=dials_steps,
        ),
        Pipeline(
            name="xia2-dials",
            family="xia2",
            programs=("xia2",),
            modules=("h5py",),
            remedy="install xia2 with CCP4, or put them on the launcher's PATH",
            parameters=(
                D_MIN,
                *KNOWN,
                Number("cc_half", "CC1/2 at which data are cut", 0, 1),
                Text("atom", "anomalous scatterer", r"[A-Z][a-z]?", "an element's symbol such as Se"),
            ),
            time_limit_s=4 * 3600,
            steps=xia2_steps,
        ),
    )
}

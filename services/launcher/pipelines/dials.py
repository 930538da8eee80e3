"""DIALS alone: the pipeline that needs nothing but DIALS itself."""

from services.launcher.parameters import Choice, Flag, Number
from services.launcher.pipelines.model import (
    D_MIN,
    KNOWN,
    PAYLOAD,
    Pipeline,
    StepPlan,
    UnsuitableWorkError,
    Work,
    await_images,
    is_template,
)

LIMIT = "resolution_limit.phil"
DIALS_PROGRAMS = (
    *("import", "slice_sequence", "find_spots", "index", "refine", "integrate"),
    *("symmetry", "scale", "estimate_resolution", "merge", "report"),
)


def _models(stem: str) -> tuple[str, str]:
    return f"{stem}.expt", f"{stem}.refl"


def _dials(program: str, outputs: tuple[str, ...], *arguments: str, required: bool = True) -> StepPlan:
    return StepPlan(name=f"dials.{program}", argv=(f"dials.{program}", *arguments), outputs=outputs, required=required)


def _import(work: Work) -> tuple[StepPlan, ...]:
    """Images become models; of a part of them, images and models are cut together.

    dials.import's own image_range gives a master's first images the angles of the range.
    """
    sweeps = (work.master_file, *(other.file for other in work.others))
    templates = [is_template(sweep) for sweep in sweeps]
    if any(templates) and not all(templates):
        raise UnsuitableWorkError("dials.import takes master files or templates, not both at once; process them apart")
    inputs = (f"template={sweep}" if is_template(sweep) else sweep for sweep in sweeps)
    whole = "whole.expt" if work.images else "imported.expt"
    imported = _dials("import", (whole,), *inputs, f"output.experiments={whole}")
    if work.images is None:
        return (imported,)
    first, last = work.images
    cut = (f"image_range={first},{last}", "output.experiments_filename=imported.expt")
    return (imported, _dials("slice_sequence", ("imported.expt",), whole, *cut))


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
        *await_images(work),
        *_import(work),
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


DIALS = Pipeline(
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
    memory_gb=8,  # measured: 0.43 with two processes and 1M pixels; the rest is for more and larger ones
    mb_per_image=1.0,  # measured: 0.5 with 117 spots per image, 0.9 with 246; 2 kB per spot, 1.2 kB per reflection
    steps=dials_steps,
    # their models, *.expt, stay: they are small, and a report takes the cell from the last of them
    working=("strong.refl", "indexed.refl", "refined.refl", "integrated.refl", "symmetrized.refl"),
    multi_sweep=True,
)

"""fast_dp, which needs XDS and CCP4: an answer within minutes."""

from services.launcher.pipelines.model import ATOM, D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images

OPTIONS = {"d_min": "--resolution-high", "space_group": "--spacegroup", "unit_cell": "--cell", "atom": "--atom"}


def fast_dp_steps(work: Work) -> tuple[StepPlan, ...]:
    """The result files are written at the very end, so they tell that all went well."""
    first, last = work.first_and_last
    images = (f"--first-image={first}", f"--last-image={last}")
    processes = ("--number-of-jobs=1", f"--number-of-cores={work.n_processes}", "--maximum-number-of-jobs=1")
    argv = ("fast_dp", *processes, *images, *work.options(OPTIONS), work.master_file)
    outputs = ("fast_dp.json", "fast_dp.mtz")
    return (await_images(work), StepPlan(name="fast_dp", argv=argv, outputs=outputs, forbidden=("fast_dp.error",)))


FAST_DP = Pipeline(
    name="fast_dp",
    family="fast_dp",
    programs=("fast_dp", "xds_par"),
    modules=("h5py",),
    remedy="install fast_dp (pip install fast_dp) with XDS and CCP4, or put them on the launcher's PATH",
    parameters=(D_MIN, *KNOWN, ATOM),
    time_limit_s=3600,
    steps=fast_dp_steps,
)

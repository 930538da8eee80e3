"""fast_dp, which needs XDS and CCP4: quick figures of a data set's quality."""

from services.launcher.parameters import Number
from services.launcher.pipelines.model import ATOM, D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images, image_file

OPTIONS = {
    "d_min": "--resolution-high",
    "d_max": "--resolution-low",
    "space_group": "--spacegroup",
    "unit_cell": "--cell",
    "atom": "--atom",
}


def fast_dp_steps(work: Work) -> tuple[StepPlan, ...]:
    """fast_dp ends with status 0 whatever happens; its results are written after a success only."""
    first, last = work.first_and_last
    asked = {name: _spaceless(name, str(value)) for name, value in work.parameters.items()}
    options = [f"{option}={asked[name]}" for name, option in OPTIONS.items() if name in asked]
    images = (f"--first-image={first}", f"--last-image={last}")
    cores = ("--number-of-jobs=1", f"--number-of-cores={work.n_processes}")
    argv = ("fast_dp", *images, *cores, *options, image_file(work.master_file, 1))
    return (*await_images(work), StepPlan(name="fast_dp", argv=argv, outputs=("fast_dp.json", "fast_dp.mtz")))


def _spaceless(name: str, value: str) -> str:
    """Cells with commas and symbols without spaces, as fast_dp splits and looks them up."""
    return ",".join(value.replace(",", " ").split()) if name == "unit_cell" else value.replace(" ", "")


FAST_DP = Pipeline(
    name="fast_dp",
    family="fast_dp",
    programs=("fast_dp", "xds_par", "pointless", "aimless"),
    modules=("h5py",),
    remedy="install fast_dp with CCP4, and XDS with an HDF5 plugin, or put them on the launcher's PATH",
    parameters=(
        D_MIN,
        Number("d_max", "low resolution limit", 5, 200, "Å"),
        *KNOWN,
        ATOM,
    ),
    time_limit_s=1800,
    memory_gb=8,  # assumed: as dials
    mb_per_image=1.0,  # assumed: as dials
    steps=fast_dp_steps,
    working=("SPOT.XDS", "INTEGRATE.HKL", "*.cbf"),
    cell_alone=False,
)

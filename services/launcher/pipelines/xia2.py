"""xia2, which needs CCP4."""

from services.launcher.parameters import Number, Text
from services.launcher.pipelines.model import D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images


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


XIA2_DIALS = Pipeline(
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
)

"""xia2 with DIALS or with XDS; both need CCP4."""

from functools import partial

from services.launcher.parameters import Number
from services.launcher.pipelines.model import ATOM, D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images

OPTIONS = {
    "d_min": "resolution.d_min",
    "cc_half": "resolution.cc_half",
    "space_group": "space_group",
    "unit_cell": "unit_cell",
    "atom": "atom",
}


def xia2_steps(work: Work, flavour: str) -> tuple[StepPlan, ...]:
    """xia2 judges and retries its own steps; xia2.json alone proves nothing, since failed runs leave it, too."""
    first, last = work.first_and_last
    images = (f"image={work.master_file}:{first}:{last}", *(f"image={master}" for master in work.others))
    processes = f"multiprocessing.nproc={work.n_processes}"
    argv = ("xia2", f"pipeline={flavour}", *images, processes, *work.options(OPTIONS))
    failure = ("xia2-error.txt", "xia2.error")
    return (
        await_images(work),
        StepPlan(name="xia2", argv=argv, outputs=("xia2.json",), forbidden=failure, exit_status_counts=True),
    )


PARAMETERS = (D_MIN, *KNOWN, Number("cc_half", "CC1/2 at which data are cut", 0, 1), ATOM)
XIA2_DIALS = Pipeline(
    name="xia2-dials",
    family="xia2",
    programs=("xia2",),
    modules=("h5py",),
    remedy="install xia2 with CCP4, or put them on the launcher's PATH",
    parameters=PARAMETERS,
    time_limit_s=4 * 3600,
    multi_sweep=True,
    steps=partial(xia2_steps, flavour="dials"),
)
XIA2_3DII = Pipeline(
    name="xia2-3dii",
    family="xia2",
    programs=("xia2", "xds_par"),
    modules=("h5py",),
    remedy="install xia2 with CCP4 and XDS, or put them on the launcher's PATH",
    parameters=PARAMETERS,
    time_limit_s=4 * 3600,
    multi_sweep=True,
    steps=partial(xia2_steps, flavour="3dii"),
)

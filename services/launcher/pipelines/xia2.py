"""xia2, which needs CCP4: by DIALS, or by XDS with all images for indexing (3dii)."""

from functools import partial

from services.launcher.parameters import Flag, Number
from services.launcher.pipelines.model import ATOM, D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images, image_file

PHIL = {
    "d_min": "resolution.d_min",
    "cc_half": "resolution.cc_half",
    "misigma": "resolution.misigma",
    "space_group": "space_group",
    "unit_cell": "unit_cell",
    "atom": "atom",
    "anomalous": "input.anomalous",
}
CRYSTAL_FOLDERS = ("DEFAULT",)
"""Where xia2 works; it copies results to DataFiles and LogFiles."""
PARAMETERS = (
    D_MIN,
    *KNOWN,
    Number("cc_half", "CC1/2 at which data are cut", 0, 1),
    Number("misigma", "mean I/sigma(I) of merged intensities at which data are cut", 0, 100),
    ATOM,
    Flag("anomalous", "keep Friedel mates apart in merging"),
)


def xia2_steps(work: Work, pipeline: str) -> tuple[StepPlan, ...]:
    """xia2 judges and retries its own steps; xia2.json alone proves nothing, since failed runs leave it, too."""
    first, last = work.first_and_last
    others = (f"image={image_file(sweep.file, 1)}" for sweep in work.others)  # it finds their other images by itself
    images = (f"image={image_file(work.master_file, 1)}:{first}:{last}", *others)
    n_processes = f"multiprocessing.nproc={work.n_processes}"
    argv = ("xia2", f"pipeline={pipeline}", *images, n_processes, *work.options(PHIL))
    failure = ("xia2-error.txt", "xia2.error")
    return (
        *await_images(work),
        StepPlan(name="xia2", argv=argv, outputs=("xia2.json",), forbidden=failure, exit_status_counts=True),
    )


XIA2_DIALS = Pipeline(
    name="xia2-dials",
    family="xia2",
    programs=("xia2", "freerflag"),
    modules=("h5py",),
    remedy="install xia2 with CCP4, or put them on the launcher's PATH",
    parameters=PARAMETERS,
    time_limit_s=4 * 3600,
    memory_gb=16,  # assumed: twice dials, for xia2 and its parallel jobs
    mb_per_image=3.0,  # assumed: three times dials, for its rounds of integration and the copies of their files
    steps=partial(xia2_steps, pipeline="dials"),
    working=CRYSTAL_FOLDERS,
    multi_sweep=True,
    cell_alone=False,
)
XIA2_3DII = Pipeline(
    name="xia2-3dii",
    family="xia2",
    programs=("xia2", "xds_par", "xscale_par", "pointless", "aimless", "freerflag"),
    modules=("h5py",),
    remedy="install xia2 with CCP4, and XDS with its HDF5 plugin durin-plugin.so, or put them on the launcher's PATH",
    parameters=PARAMETERS,
    time_limit_s=4 * 3600,
    memory_gb=16,  # assumed: twice dials, for xia2 and its parallel jobs
    mb_per_image=3.0,  # assumed: three times dials, for its rounds of integration and the copies of their files
    steps=partial(xia2_steps, pipeline="3dii"),
    working=CRYSTAL_FOLDERS,
    multi_sweep=True,
    cell_alone=False,
)

"""autoPROC with STARANISO, which needs XDS and CCP4."""

from services.launcher.parameters import Flag
from services.launcher.pipelines.model import D_MIN, KNOWN, Pipeline, StepPlan, Work, await_images

LOW_RESOLUTION_A = 1000  # no limit; one of low resolution is asked for beside one of high resolution


def autoproc_steps(work: Work) -> tuple[StepPlan, ...]:
    """Its exit status says little; the container of its own reduction is written at the end."""
    given = work.parameters
    cell = str(given["unit_cell"]).replace(",", " ") if "unit_cell" in given else ""
    limits = ("-R", str(LOW_RESOLUTION_A), str(given["d_min"])) if "d_min" in given else ()
    friedel = ("-ANO" if given["anomalous"] else "-noANO",) if "anomalous" in given else ()
    known = (*work.options({"space_group": "symm"}), *((f"cell={cell}",) if cell else ()))
    argv = ("process", "-B", "-xml", "-h5", work.master_file, "-nthreads", str(work.n_processes), *limits, *friedel)
    step = StepPlan(
        name="autoPROC", argv=(*argv, *_range(work), *known), outputs=("autoPROC.xml", "truncate-unique.mtz")
    )
    return (await_images(work), step)


def _range(work: Work) -> tuple[str, ...]:
    if work.images is None:
        return ()
    first, last = work.images
    return tuple(f"autoPROC_XdsKeyword_{name}={first} {last}" for name in ("DATA_RANGE", "SPOT_RANGE"))


AUTOPROC = Pipeline(
    name="autoPROC",
    family="autoPROC",
    programs=("process", "xds_par"),
    modules=("h5py",),
    remedy="install autoPROC (Global Phasing) with XDS and CCP4, or put them on the launcher's PATH",
    parameters=(D_MIN, *KNOWN, Flag("anomalous", "keep Friedel mates apart in scaling")),
    time_limit_s=6 * 3600,
    steps=autoproc_steps,
)

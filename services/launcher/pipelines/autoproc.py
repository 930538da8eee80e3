"""autoPROC with STARANISO, which need XDS, CCP4 and a licence of Global Phasing."""

import re
from pathlib import PurePosixPath

from services.launcher.parameters import Choice, Flag
from services.launcher.pipelines.model import D_MIN, KNOWN, Pipeline, StepPlan, UnsuitableWorkError, Work, await_images

FOLDER = "autoPROC"
"""Where it writes, below the run's directory."""
LOWEST_RESOLUTION_A = "1000"
CUTS = ("HighResCutOnCChalf", "LowResOrTricky")


def autoproc_steps(work: Work) -> tuple[StepPlan, ...]:
    """One command; STARANISO's result comes with it."""
    options = ("-xml", "StopIfSubdirExists=no", "-nthreads", str(work.n_processes), "-d", FOLDER)
    argv = ("process", "-B", *options, "-Id", _sweep(work), *_asked(work))
    results = (f"{FOLDER}/autoPROC.xml", f"{FOLDER}/truncate-unique.mtz")
    return (
        *await_images(work),
        StepPlan(name="autoPROC", argv=argv, outputs=results, exit_status_counts=True),
    )


def _sweep(work: Work) -> str:
    """Identifier, directory, master or template, first and last image, with commas between."""
    path = PurePosixPath(work.master_file)
    if "," in work.master_file:
        raise UnsuitableWorkError(f"autoPROC takes no path with a comma: {path}; rename it, or process with dials")
    name = re.sub(r"[^A-Za-z0-9]", "", path.stem.partition("#")[0].removesuffix("_master"))
    first, last = work.first_and_last
    return f"x{name},{path.parent},{path.name},{first},{last}"


def _asked(work: Work) -> tuple[str, ...]:
    asked = work.parameters
    words: list[str] = []
    if "d_min" in asked:
        words += ["-R", LOWEST_RESOLUTION_A, str(asked["d_min"])]
    if "space_group" in asked:
        words.append(f"symm={str(asked['space_group']).replace(' ', '')}")
    if "unit_cell" in asked:
        words.append("cell=" + " ".join(str(asked["unit_cell"]).replace(",", " ").split()))
    if "anomalous" in asked:
        words.append("-ANO" if asked["anomalous"] else "-noANO")
    if "macro" in asked:
        words += ["-M", str(asked["macro"])]
    return tuple(words)


AUTOPROC = Pipeline(
    name="autoPROC",
    family="autoPROC",
    programs=("process", "xds_par", "pointless", "aimless"),
    modules=("h5py",),
    remedy="install autoPROC with its licence, CCP4, and XDS with an HDF5 plugin, or put them on the launcher's PATH",
    parameters=(
        D_MIN,
        *KNOWN,
        Flag("anomalous", "keep Friedel mates apart in scaling"),
        Choice("macro", "set of settings: where data are cut, or patience with poor crystals", CUTS),
    ),
    time_limit_s=4 * 3600,
    memory_gb=16,  # assumed: twice dials
    mb_per_image=4.0,  # assumed: four times dials, for its several rounds of XDS
    steps=autoproc_steps,
)

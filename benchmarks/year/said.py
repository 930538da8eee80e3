"""What is said of one grid scan and of one rotation at i03, 1,200 images each; every number of it comes from its id."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.ingester.blocks import cut_blocks
from services.ingester.settings import Settings
from shared.messages import (
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionEnds,
    CollectionRef,
    CollectionStarts,
    Grid,
    ImageSpots,
    Message,
    ProcessingResult,
    Reduction,
    ResultFile,
    Rotation,
    RunChanged,
    RunRef,
    RunState,
    Shell,
    SpotsFound,
    Step,
)

GRID = Grid(steps_x=40, steps_y=30, snaked=True)
N_IMAGES = GRID.n_boxes
EXPOSURE_S = 1 / 133
STEPS = ("import", "find_spots", "index", "refine", "integrate", "symmetry", "scale", "estimate", "merge", "report")
PIPELINES = ("dials", "xia2-dials")
N_CHANGES = 25  # of one run: its states, and the begin and the end of every step
FILES = ("scaled.mtz", "scaled.expt", "merged.mtz", "report.html", "merging-statistics.json", "scale.log", "index.log")


def collection(dcid: int, visit: str, *, grid: bool) -> Collection:
    """As GDA announces it."""
    return Collection(
        beamline="i03",
        visit=visit,
        dcid=dcid,
        experiment="gridscan" if grid else "rotation",
        visit_directory=f"/dls/i03/data/2026/{visit}",
        folder=f"protein/crystal_{dcid}",
        prefix="crystal",
        run_number=1,
        number_of_images=N_IMAGES,
        exposure_s=EXPOSURE_S,
        detector_distance_mm=289.3,
        resolution_A=1.6,
        transmission_percent=20,
        wavelength_A=0.9763,
        grid=GRID if grid else None,
        rotation=None if grid else Rotation(width_deg=0.3),
        sample_id=4711,
        detector="EIGER2 16M",
    )


def announcements(what: Collection, at: datetime) -> tuple[CollectionStarts, CollectionEnds]:
    """Its start and its end."""
    end = {"beamline": what.beamline, "visit": what.visit, "dcid": what.dcid}
    return (
        CollectionStarts.model_validate({**what.model_dump(), "event": "start", "announced_at": at}),
        CollectionEnds.model_validate({**end, "event": "end", "announced_at": at}),
    )


def accepted(what: Collection, at: datetime) -> CollectionAccepted:
    """The ingester's answer to its start."""
    return CollectionAccepted(collection=what, announced_at=at, answered_at=at)


def ended(what: Collection, at: datetime) -> CollectionEnded:
    """The ingester's answer to its end."""
    return CollectionEnded(collection=what.ref, outcome="ended", answered_at=at)


def blocks(what: Collection, at: datetime) -> Iterator[SpotsFound]:
    """The spots of its images, in the blocks that the ingester cuts."""
    for block in cut_blocks(what, at, Settings()):
        images = range(block.first_image, block.first_image + block.n_images)
        yield SpotsFound(
            collection=what.ref,
            experiment=what.experiment,
            found=tuple(_spots(image) for image in images),
            found_at=at,
            analysis_ms=280,
        )


def _spots(image: int) -> ImageSpots:
    n_spots = image % 13 + (70 if image // 40 in {11, 12} and image % 40 in {20, 21, 22} else 0)
    return ImageSpots(
        image=image,
        n_spots_total=n_spots,
        n_spots_no_ice=n_spots * 9 // 10,
        n_spots_4A=n_spots // 3,
        total_intensity=123.45 * n_spots,
        estimated_d_min=2.17 if n_spots > 10 else None,  # noqa: PLR2004 - too few spots have no limit
        d_min_distl_method_1=2.31,
        d_min_distl_method_2=2.29,
        noisiness_method_1=0.31,
        noisiness_method_2=0.22,
    )


def runs(ref: CollectionRef) -> list[RunRef]:
    """Those of a rotation."""
    return [RunRef(run_id=f"i03-{ref.id}-{name}-0a1b2c3d-1", collection=ref, pipeline=name) for name in PIPELINES]


def changes(run: RunRef, at: datetime) -> Iterator[RunChanged]:
    """What the launcher says of a run while it goes on."""
    for n in range(N_CHANGES):
        done = tuple(Step(name=f"dials.{name}", state="done", seconds=12.34) for name in STEPS[: n // 2])
        directory = f"/dls/i03/data/2026/{run.collection.visit}/processed/{run.run_id}"
        yield RunChanged(run=run, state=RunState.RUNNING, steps=done, n_steps=len(STEPS), directory=directory, at=at)


def result(run: RunRef, at: datetime) -> ProcessingResult:
    """The end of a run."""
    shells = [
        Shell(
            shell=name,
            d_max_A=54.1,
            d_min_A=1.62,
            n_observations=123456,
            n_unique=23456,
            completeness_percent=99.7,
            multiplicity=5.3,
            i_over_sigma=14.2,
            r_merge=0.061,
            r_meas=0.067,
            r_pim=0.028,
            cc_half=0.998,
            cc_anomalous=0.21,
        )
        for name in ("overall", "inner", "outer")
    ]
    place = f"/dls/i03/data/2026/{run.collection.visit}/processed/{run.run_id}"
    return ProcessingResult(
        run=run,
        family="dials" if run.pipeline == "dials" else "xia2",
        state=RunState.SUCCEEDED,
        reduction=Reduction(
            space_group="P 43 21 2",
            unit_cell=(78, 78, 37, 90, 90, 90),
            shells=tuple(shells),
            n_spots=48211,
            n_indexed=46007,
        ),
        steps=tuple(Step(name=f"dials.{name}", state="done", seconds=12.34) for name in STEPS),
        files=tuple(ResultFile(path=f"{place}/{name}", kind="result") for name in FILES),
        command=("python3", "payload/dials.py", "--master", f"{place}/crystal_1_master.h5"),
        programs={"dials": "3.12.1"},
        host="i03-ws001",
        directory=place,
        started_at=at,
        ended_at=at + timedelta(minutes=2),
    )


def heard_of(what: Collection, at: datetime) -> Iterator[Message]:
    """What an aggregator hears of a collection beside its grid result and its recorded runs."""
    yield accepted(what, at)
    yield from blocks(what, at)
    yield ended(what, at)
    if what.experiment == "rotation":
        for run in runs(what.ref):
            yield from changes(run, at)

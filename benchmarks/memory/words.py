"""What is said of one data collection, by its number: small grid scans and rotations in turn, each as GDA says it."""

from datetime import timedelta

from shared.messages import (
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionEnds,
    CollectionStarts,
    FindSpots,
    Grid,
    GridResult,
    ImageFailure,
    ImageSpots,
    Message,
    ProcessCollection,
    ProcessingRecorded,
    ProcessingResult,
    Rotation,
    RunChanged,
    RunState,
    SpotsFound,
    now,
)
from shared.messages.processing import RunRef

STEPS = (4, 4)
N_IMAGES, BLOCK = STEPS[0] * STEPS[1], 8
GRID = Grid(steps_x=STEPS[0], steps_y=STEPS[1], snaked=True)


def collection(number: int, folder: str = "/data") -> Collection:
    """A grid scan if the number is even, else a rotation; wavelengths as an encoder says them, never the same twice."""
    is_grid = number % 2 == 0
    return Collection(
        beamline="i03",
        visit=f"cm{12345 + number // 300}-1",
        dcid=number + 1,
        experiment="gridscan" if is_grid else "rotation",
        visit_directory=folder,
        prefix=f"xtal{number}",
        run_number=1,
        number_of_images=N_IMAGES,
        exposure_s=0.01,
        wavelength_A=0.9 + 1e-6 * number,
        grid=GRID if is_grid else None,
        rotation=None if is_grid else Rotation(width_deg=0.1),
    )


def announcements(which: Collection) -> list[Message]:
    """Start and end."""
    start = CollectionStarts(**which.model_dump(), event="start", announced_at=now())
    end = CollectionEnds(event="end", beamline=which.beamline, visit=which.visit, dcid=which.dcid)
    return [start, end]


def blocks(which: Collection) -> list[FindSpots]:
    """What the ingester asks the spot finder for."""
    return [
        FindSpots(
            collection=which.ref,
            experiment=which.experiment,
            master_file=str(which.master_path),
            first_image=first,
            n_images=BLOCK,
            deadline=now() + timedelta(minutes=1),
        )
        for first in range(0, N_IMAGES, BLOCK)
    ]


def found(which: Collection) -> list[SpotsFound]:
    """What the spot finder answers; one image of each block has failed."""
    return [_found(which, first) for first in range(0, N_IMAGES, BLOCK)]


def _found(which: Collection, first: int) -> SpotsFound:
    images = (_spots(which.dcid, image) for image in range(first + 1, first + BLOCK))
    failed = ImageFailure(image=first, reason=f"{which.master_path} has no image {first}")
    return SpotsFound(
        collection=which.ref,
        experiment=which.experiment,
        found=tuple(images),
        failed=(failed,),
        found_at=now(),
        analysis_ms=1.0,
    )


def _spots(dcid: int, image: int) -> ImageSpots:
    n = (dcid * image) % 97
    return ImageSpots(
        image=image,
        n_spots_total=n,
        n_spots_no_ice=n,
        n_spots_4A=n // 2,
        total_intensity=100.0 * n,
        estimated_d_min=2.1,
    )


def request(which: Collection) -> ProcessCollection:
    """What the ingester asks the launcher for."""
    return ProcessCollection(collection=which, pipeline="dials")


def result(which: Collection) -> ProcessingResult:
    """What the launcher says in the end."""
    asked = request(which)
    run = RunRef(run_id=asked.run_id, collection=which.ref, pipeline="dials")
    return ProcessingResult(run=run, family="dials", state=RunState.SUCCEEDED, ended_at=now())


def told(which: Collection) -> list[Message]:
    """Everything that the aggregator hears of it."""
    accepted = CollectionAccepted(collection=which, announced_at=now(), answered_at=now())
    ended = CollectionEnded(collection=which.ref, outcome="ended", answered_at=now())
    images: list[Message] = [accepted, *found(which), ended]
    if which.grid:
        return [*images, _centre(which)]
    done = result(which)
    states = (RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED)
    changes = [RunChanged(run=done.run, state=state, at=now()) for state in states]
    return [*images, *changes, ProcessingRecorded(result=done, recorded_at=now())]


def _centre(which: Collection) -> GridResult:
    return GridResult(
        collection=which.ref,
        version=1,
        status="whole",
        outcome="no crystal",
        grid=GRID,
        n_images=N_IMAGES,
        n_found=N_IMAGES - 2,
        n_failed=2,
        centred_at=now(),
    )

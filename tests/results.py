"""Results that tests make: a grid scan of 12 images with one crystal, and a processed rotation."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.messages import (
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    Grid,
    ImageFailure,
    ImageSpots,
    ProcessingResult,
    Reduction,
    Rotation,
    RunRef,
    RunState,
    Shell,
    SpotsFound,
)

START = datetime(2026, 3, 4, 10, 0, 0, 123456, tzinfo=UTC)
REF = CollectionRef(beamline="i03", visit="cm12345-1", id=42)
GRID = Grid(steps_x=4, steps_y=3, snaked=True)
EXPOSURE_S = 0.1
DEADLINE_S = 30.0
CRYSTAL = {5: 20, 6: 30}
"""Spots by image: on the snaked grid, the boxes (2, 1) and (1, 1)."""


ROTATION_CHANGES: dict[str, Any] = {"experiment": "rotation", "grid": None, "rotation": Rotation(width_deg=0.1)}


def accepted(**changes: Any) -> CollectionAccepted:
    collection = Collection(
        beamline=REF.beamline,
        visit=REF.visit,
        dcid=REF.id,
        experiment="gridscan",
        visit_directory="/data/cm12345-1",
        prefix="xtal1",
        run_number=1,
        number_of_images=GRID.n_boxes,
        exposure_s=EXPOSURE_S,
        grid=GRID,
    )
    return CollectionAccepted(collection=collection.model_copy(update=changes), answered_at=START)


def ended(outcome: str = "ended", at: datetime = START + timedelta(seconds=2)) -> CollectionEnded:
    return CollectionEnded(collection=REF, outcome=outcome, answered_at=at)


def spots(image: int, n_spots: int = 0) -> ImageSpots:
    return ImageSpots(
        image=image,
        n_spots_total=n_spots,
        n_spots_no_ice=n_spots,
        n_spots_4A=n_spots // 2,
        total_intensity=100.5 * n_spots,
        estimated_d_min=1.8 if n_spots else None,
    )


def found(images: Iterable[int], failed: Iterable[int] = (), ref: CollectionRef = REF) -> SpotsFound:
    return SpotsFound(
        collection=ref,
        found=tuple(spots(image, CRYSTAL.get(image, 0)) for image in images),
        failed=tuple(ImageFailure(image=image, reason="the file is truncated") for image in failed),
        found_at=START + timedelta(seconds=1),
        analysis_ms=3.5,
    )


def processed(state: RunState = RunState.SUCCEEDED, **changes: Any) -> ProcessingResult:
    shells = tuple(
        Shell(shell=name, d_max_A=30, d_min_A=1.5, n_observations=1000, n_unique=100, r_merge=0.05, cc_half=0.999)
        for name in ("overall", "inner", "outer")
    )
    reduction = Reduction(space_group="P 43 21 2", unit_cell=(78, 78, 37, 90, 90, 90), shells=shells, n_spots=5000)
    result = ProcessingResult(
        run=RunRef(run_id="i03-42-dials-0a1b2c3d-1", collection=REF, pipeline="dials"),
        family="dials",
        state=state,
        reduction=reduction,
        started_at=START,
        ended_at=START + timedelta(minutes=2),
    )
    return result.model_copy(update=changes)

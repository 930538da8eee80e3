"""Messages with good defaults, to be bent."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from services.aggregator.heard import Heard
from services.aggregator.state import State, fold
from shared.messages import (
    AnnouncementRejected,
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    Crystal,
    Grid,
    GridResult,
    ImageFailure,
    ImageSpots,
    Message,
    MessageDeadLettered,
    ProcessingRecorded,
    ProcessingResult,
    Reduction,
    ResultFile,
    Rotation,
    RunChanged,
    RunRef,
    RunState,
    ServiceBeat,
    Shell,
    SpotsFound,
    Step,
)
from shared.topology import SERVICES

T0 = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
REF = CollectionRef(beamline="i03", visit="cm12345-1", id=42)
ROTATION = CollectionRef(beamline="i03", visit="cm12345-1", id=43)
GRID = Grid(steps_x=4, steps_y=3, box_x_um=20, box_y_um=10, snaked=True)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STEPS = ("import", "find_spots", "index", "refine", "integrate", "symmetry", "scale", "merge", "report")
_ids = count(1)


def s(seconds: float) -> datetime:
    """So many seconds after three in the morning."""
    return T0 + timedelta(seconds=seconds)


def heard(
    message: Message, message_id: str | None = None, at: datetime | None = None, trace_id: str | None = TRACE
) -> Heard:
    """Heard at the latest moment that it names, unless said otherwise."""
    names = ("answered_at", "found_at", "centred_at", "at", "recorded_at")
    named = max(moment for name in names if (moment := getattr(message, name, None)))
    return Heard(message, message_id or f"ID:broker-{next(_ids)}", trace_id, at or named)


def accepted(grid: Grid | None = GRID, at: datetime = T0, **changes: Any) -> CollectionAccepted:
    fields = {
        "beamline": "i03",
        "visit": "cm12345-1",
        "dcid": REF.id if grid else ROTATION.id,
        "experiment": "gridscan" if grid else "rotation",
        "visit_directory": "/dls/i03/data/2026/cm12345-1",
        "folder": "thaumatin/grid_1",
        "prefix": "thau",
        "run_number": 1,
        "number_of_images": grid.n_boxes if grid else 900,
        "exposure_s": 0.1,
        "detector_distance_mm": 464.092,
        "resolution_A": 2.333,
        "transmission_percent": 50,
        "grid": grid,
        "rotation": None if grid else Rotation(width_deg=0.1),
    }
    return CollectionAccepted(
        collection=Collection.model_validate({**fields, **changes}),
        announced_at=at - timedelta(milliseconds=40),
        answered_at=at,
    )


def ended(outcome: str = "ended", at: datetime = T0, ref: CollectionRef = REF) -> CollectionEnded:
    return CollectionEnded.model_validate({"collection": ref, "outcome": outcome, "answered_at": at})


def spots(image: int, n_spots: int) -> ImageSpots:
    return ImageSpots(
        image=image,
        n_spots_total=n_spots,
        n_spots_no_ice=n_spots * 9 // 10,
        n_spots_4A=n_spots // 2,
        total_intensity=120.0 * n_spots,
        estimated_d_min=2.1 if n_spots > 10 else None,
    )


LATE = "not written within 25 s after it was due"


def found(
    counts: dict[int, int],
    at: datetime = T0,
    failed: tuple[int, ...] = (),
    ref: CollectionRef = REF,
    reason: str = LATE,
) -> SpotsFound:
    return SpotsFound(
        collection=ref,
        experiment="rotation" if ref == ROTATION else "gridscan",
        found=tuple(spots(image, n) for image, n in counts.items()),
        failed=tuple(ImageFailure(image=image, reason=reason) for image in failed),
        found_at=at,
        analysis_ms=80,
    )


def crystal(x: float, y: float, n_voxels: int = 4, most: int = 180) -> Crystal:
    return Crystal(
        centre_of_mass=(x, y),
        max_voxel=(int(x), int(y)),
        max_count=most,
        n_voxels=n_voxels,
        total_count=most * n_voxels * 0.7,
        bounding_box=((int(x) - 1, int(y) - 1), (int(x) + 2, int(y) + 2)),
    )


def centred(grid: Grid = GRID, at: datetime = T0, version: int = 1, **changes: Any) -> GridResult:
    fields = {
        "collection": REF,
        "version": version,
        "status": "whole",
        "outcome": "found",
        "crystals": (crystal(1.5, 1.0),),
        "grid": grid,
        "n_images": grid.n_boxes,
        "n_found": grid.n_boxes,
        "n_failed": 0,
        "centred_at": at,
    }
    return GridResult.model_validate({**fields, **changes})


RUN = RunRef(run_id="i03-43-dials-0a1b2c3d-1", collection=ROTATION, pipeline="dials")


def steps(n_done: int, *, failed: bool = False) -> tuple[Step, ...]:
    done = [Step(name=f"dials.{name}", state="done", seconds=3.5 + i) for i, name in enumerate(STEPS[:n_done])]
    if n_done < len(STEPS):
        done.append(Step(name=f"dials.{STEPS[n_done]}", state="failed" if failed else "running"))
    return tuple(done)


def changed(state: RunState = RunState.RUNNING, n_done: int = 2, at: datetime = T0) -> RunChanged:
    return RunChanged(run=RUN, state=state, steps=steps(n_done), n_steps=len(STEPS), at=at)


def shell(name: str, d_max_A: float, d_min_A: float, factor: float) -> Shell:  # noqa: N803 - units keep their case
    return Shell.model_validate(
        {
            "shell": name,
            "d_max_A": d_max_A,
            "d_min_A": d_min_A,
            "n_observations": int(123456 * factor),
            "n_unique": int(23456 * factor),
            "completeness_percent": 99.7,
            "multiplicity": 5.3,
            "i_over_sigma": 14.2 * factor,
            "r_merge": 0.061,
            "r_meas": 0.067,
            "r_pim": 0.028,
            "cc_half": 0.998,
            "cc_anomalous": 0.21,
        }
    )


def recorded(state: RunState = RunState.SUCCEEDED, at: datetime = T0, reason: str | None = None) -> ProcessingRecorded:
    good = state is RunState.SUCCEEDED
    shells = (shell("overall", 54.1, 1.62, 1.0), shell("inner", 54.1, 4.4, 0.06), shell("outer", 1.65, 1.62, 0.05))
    reduction = Reduction(
        space_group="P 41 21 2",
        unit_cell=(57.92, 57.92, 150.13, 90, 90, 90),
        shells=shells,
        n_spots=48211,
        n_indexed=46007,
    )
    result = ProcessingResult(
        run=RUN,
        family="dials",
        state=state,
        reason=reason,
        reduction=reduction if good else Reduction(),
        steps=steps(len(STEPS)) if good else steps(2, failed=True),
        files=(
            ResultFile(path="/dls/i03/data/2026/cm12345-1/processed/43/dials/scaled.mtz", kind="result"),
            ResultFile(path="/dls/i03/data/2026/cm12345-1/processed/43/dials/dials.report.html", kind="report"),
            ResultFile(path="/dls/i03/data/2026/cm12345-1/processed/43/dials/dials.scale.log", kind="log"),
        ),
        command=("python3", "payload/dials.py", "--master", "/dls/i03/my data/thau_1_master.h5"),
        programs={"dials": "3.12.1"},
        host="i03-ws001",
        started_at=at - timedelta(seconds=164),
        ended_at=at,
    )
    return ProcessingRecorded(result=result, recorded_at=at + timedelta(seconds=1))


def rejected(at: datetime = T0, **changes: Any) -> AnnouncementRejected:
    fields = {
        "reason": "number_of_images is -5, but must be at least 1",
        "remedy": "Announce the number of images of the data collection.",
        "beamline": "i03",
        "dcid": "44",
        "body": '{"event": "start", "dcid": 44, "number_of_images": -5}',
        "answered_at": at,
    }
    return AnnouncementRejected.model_validate({**fields, **changes})


def dead_letter(at: datetime = T0, **changes: Any) -> MessageDeadLettered:
    fields = {
        "service": "spotfinder",
        "queue": "/queue/find-spots",
        "dead_letter_queue": "/queue/DLQ.find-spots",
        "message_id": "ID:i03-control-1",
        "reason": "ValidationError: first_image: Input should be greater than or equal to 0",
        "trace_id": TRACE,
        "at": at,
    }
    return MessageDeadLettered.model_validate({**fields, **changes})


def beat(service: str, at: datetime = T0, instance: str = "i03-ws001:1234", **changes: Any) -> ServiceBeat:
    fields = {"started_at": T0 - timedelta(hours=5), "interval_s": 5, "handled": 1189, "rejected": 0}
    return ServiceBeat.model_validate({**fields, "service": service, "instance": instance, "at": at, **changes})


def beats(at: datetime = T0, *, but: str | None = None) -> list[Heard]:
    return [heard(beat(service, at), at=at) for service in SERVICES if service != but]


def fold_all(events: list[Heard], state: State | None = None) -> State:
    state = state or State()
    for event in events:
        state = fold(state, event)
    return state

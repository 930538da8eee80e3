"""What the page and its JSON say: the state in the words of its readers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.aggregator.broker.view import BrokerView, broker_of
from services.aggregator.health import RECENT, Circumstances, Health, dead_letter_command, judge
from services.aggregator.heatmap import HeatMap, lay_out
from services.aggregator.record import CollectionRecord, RunRecord
from services.aggregator.state import DeadLetter, Rejection, State
from shared.messages import Collection, Crystal, GridResult, MessageDeadLettered, ProcessingResult, RunRef, Step
from shared.topology import Topology

N_ACTIVE_RUNS = 4  # runs shown on the front page


@dataclass(frozen=True, slots=True)
class CrystalView:
    """Where a crystal is; boxes count from 0 at the top left corner, micrometres from that corner."""

    number: int
    centre_box: tuple[float, float]
    centre_um: tuple[float, float]
    crystal: Crystal


@dataclass(frozen=True, slots=True)
class RunView:
    """One processing run."""

    ref: RunRef
    state: str
    terminal: bool
    detail: str | None
    steps: tuple[Step, ...]
    n_steps: int
    n_done: int
    changed_at: datetime | None
    recorded_at: datetime | None
    directory: str | None
    result: ProcessingResult | None
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class CollectionView:
    """One data collection, without its images."""

    key: str
    beamline: str
    visit: str
    id: int
    experiment: str
    phase: str
    details: Collection | None
    n_images: int | None
    n_found: int
    n_failed: int
    images_gone: bool
    failures: dict[str, int]
    announced_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    ended: str | None
    first_result_at: datetime | None
    last_result_at: datetime | None
    centred_at: datetime | None
    first_result_latency_s: float | None
    centring_latency_s: float | None
    grid_result: GridResult | None
    crystals: list[CrystalView]
    runs: list[RunView]
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class RejectionView:
    """A rejected announcement, and what to do about it."""

    at: datetime
    recent: bool
    reason: str
    remedy: str
    beamline: str | None
    dcid: str | None
    body: str
    command: str
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A message that nobody could handle, and the commands for it."""

    event: MessageDeadLettered
    fate: str
    show: str
    retry: str
    drop: str


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything, newest first."""

    beamline: str
    shadow: bool
    at: datetime
    health: Health
    broker: BrokerView
    collections: list[CollectionView]
    rejections: list[RejectionView]
    dead_letters: list[DeadLetterView]


def status_of(state: State, circumstances: Circumstances, beamline: str, topology: Topology) -> StatusView:
    """The whole page as data."""
    now = circumstances.now
    letters = sorted(state.dead_letters.values(), key=lambda letter: letter.at, reverse=True)
    rejections = sorted(state.rejections.values(), key=lambda r: r.heard_at, reverse=True)
    return StatusView(
        beamline=beamline,
        shadow=topology.shadow,
        at=now,
        health=judge(state, circumstances),
        broker=broker_of(circumstances),
        collections=[collection_of(record) for record in state.newest_collections()],
        rejections=[_rejection(rejection, now, topology) for rejection in rejections],
        dead_letters=[
            _dead_letter(each, each.event, is_over=state.is_over(each.event, now)) for each in letters if each.event
        ],
    )


def collection_of(record: CollectionRecord) -> CollectionView:
    """One data collection as a row."""
    result = record.grid_result
    trace_id = record.trace[1] if record.trace else None
    return CollectionView(
        key=str(record.ref),
        beamline=record.ref.beamline,
        visit=record.ref.visit,
        id=record.ref.id,
        experiment=_experiment(record),
        phase=record.phase.value,
        details=record.details,
        n_images=record.n_images,
        n_found=record.n_found,
        n_failed=record.n_failed,
        images_gone=_images_gone(record),
        failures=dict(record.failures.most_common()),
        announced_at=record.announced_at,
        accepted_at=record.accepted.answered_at if record.accepted else None,
        ended_at=record.ended.answered_at if record.ended else None,
        ended=record.ended.outcome if record.ended else None,
        first_result_at=record.first_result_at,
        last_result_at=record.last_result_at,
        centred_at=result.centred_at if result else None,
        first_result_latency_s=_seconds(record.first_result_latency),
        centring_latency_s=_seconds(record.centring_latency),
        grid_result=result,
        crystals=_crystals(result) if result else [],
        runs=[_run(run, trace_id) for run in _newest_first(record.runs.values())],
        trace_id=trace_id,
    )


def _experiment(record: CollectionRecord) -> str:
    if record.is_grid:
        return "grid scan"
    return "rotation" if record.details or record.runs or record.images else "unknown"


def spots_of(record: CollectionRecord) -> list[tuple[int, int]]:
    """Image, counted from 0, and its spots: of every analysed image, in the order of collection."""
    return [(image, result.n_spots) for image, result in sorted(record.images.items()) if result.found]


def heat_map_of(record: CollectionRecord) -> HeatMap | None:
    """The counts of a grid scan as they lie on the crystal; None if its geometry is unknown, or if they are gone."""
    if _images_gone(record):
        return None
    grid = (record.details.grid if record.details else None) or (record.grid_result and record.grid_result.grid)
    return lay_out(grid, record.images) if grid else None


def _images_gone(record: CollectionRecord) -> bool:
    """Whether images that its grid result counts are no longer kept here."""
    result = record.grid_result
    return result is not None and result.n_found + result.n_failed > 0 and not record.images


def runs_of(status: StatusView) -> list[RunView]:
    """The runs for the front page: those that work, then the newest that ended."""
    runs = [run for collection in status.collections for run in collection.runs]
    return sorted(runs, key=lambda run: run.terminal)[:N_ACTIVE_RUNS]


def _newest_first(runs: Iterable[RunRecord]) -> list[RunRecord]:
    return sorted(runs, key=lambda run: run.last_at, reverse=True)


def _run(run: RunRecord, trace_id: str | None) -> RunView:
    result = run.recorded.result if run.recorded else None
    steps = (result.steps if result else ()) or (run.changed.steps if run.changed else ())
    return RunView(
        ref=_ref(run),
        state=run.state.value,
        terminal=run.state.terminal,
        detail=(result and result.reason) or (run.changed and run.changed.detail) or None,
        steps=steps,
        n_steps=max(len(steps), run.changed.n_steps if run.changed else 0),
        n_done=sum(step.state == "done" for step in steps),
        changed_at=run.at,
        recorded_at=run.recorded.recorded_at if run.recorded else None,
        directory=(result and result.directory) or (run.changed and run.changed.directory) or None,
        result=result,
        trace_id=trace_id,
    )


def _ref(run: RunRecord) -> RunRef:
    if run.changed:
        return run.changed.run
    if run.recorded:
        return run.recorded.result.run
    raise ValueError("a run of which nothing was heard")


def _crystals(result: GridResult) -> list[CrystalView]:
    grid = result.grid
    return [
        CrystalView(number, (x, y), (x * grid.box_x_um, y * grid.box_y_um), crystal)
        for number, crystal in enumerate(result.crystals, start=1)
        for x, y in [crystal.centre_of_mass]
    ]


def _rejection(rejection: Rejection, now: datetime, topology: Topology) -> RejectionView:
    event = rejection.event
    return RejectionView(
        at=event.answered_at,
        recent=now - rejection.heard_at < RECENT,
        reason=event.reason,
        remedy=event.remedy,
        beamline=event.beamline,
        dcid=event.dcid,
        body=event.body,
        command=dead_letter_command("show", topology.dead_letters(topology.queue("data-collection"))),
        trace_id=rejection.trace_id,
    )


def _dead_letter(letter: DeadLetter, event: MessageDeadLettered, *, is_over: bool) -> DeadLetterView:
    show, retry, drop = (dead_letter_command(action, event.dead_letter_queue) for action in ("show", "retry", "drop"))
    left = "expired" if is_over else "waits"
    fate = letter.taken.action if letter.taken and not letter.waits else left
    return DeadLetterView(event, fate, show, retry, drop)


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration is not None else None

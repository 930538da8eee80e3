"""What is known of one data collection, whatever order its messages came in. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar

from shared.messages import (
    Collection,
    CollectionAccepted,
    CollectionEnded,
    CollectionRef,
    Experiment,
    GridResult,
    ImageFailure,
    ImageSpots,
    ProcessingRecorded,
    RunChanged,
    RunState,
    SpotsFound,
)

T = TypeVar("T")
Rank = tuple[object, ...]


def higher(old: T | None, new: T, rank: Callable[[T], Rank]) -> T:
    """Of two reports on one thing, the one of higher rank; this makes the order of arrival irrelevant."""
    return new if old is None or rank(new) > rank(old) else old


class ImageResult(NamedTuple):
    """One image, analysed or failed."""

    found: bool
    at: datetime
    n_spots: int = 0
    n_spots_no_ice: int = 0
    d_min_A: float | None = None
    failure: str | None = None

    @property
    def rank(self) -> Rank:
        """A result beats a failure, a later one an earlier."""
        return self.found, self.at, self.n_spots, self.n_spots_no_ice, self.d_min_A or 0.0, self.failure or ""


class Phase(StrEnum):
    """Where a data collection is on its way through the mesh."""

    WAITING = "waiting for images"
    FINDING = "finding spots"
    CENTRING = "centring"
    CENTRED = "centred"
    NO_CRYSTAL = "no crystal"
    COLLECTED = "waiting for processing"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "processing failed"
    ABORTED = "aborted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One processing run: when it was heard of last, its last change, its result once that stands in the database."""

    last_at: datetime
    changed: RunChanged | None = None
    recorded: ProcessingRecorded | None = None

    def follow(self, event: RunChanged | ProcessingRecorded, heard_at: datetime) -> "RunRecord":
        """Of changes a terminal one is final, else what is farther counts, then the later; of results the later."""
        heard = replace(self, last_at=max(self.last_at, heard_at))
        if isinstance(event, RunChanged):
            return replace(heard, changed=higher(self.changed, event, _rank_of_change))
        return replace(heard, recorded=higher(self.recorded, event, _rank_of_result))

    @property
    def state(self) -> RunState:
        """What the result says, else the last change."""
        if self.recorded:
            return self.recorded.result.state
        return self.changed.state if self.changed else RunState.QUEUED

    @property
    def at(self) -> datetime | None:
        """When the run last changed."""
        if self.recorded:
            return self.recorded.result.ended_at
        return self.changed.at if self.changed else None


def _rank_of_change(event: RunChanged) -> Rank:
    """A run goes forward, whatever the launcher's clock says."""
    n_ended = sum(step.state != "running" for step in event.steps)
    running = event.state is RunState.RUNNING
    return event.state.terminal, running, len(event.steps), n_ended, event.at, event.to_json()


def _rank_of_result(event: ProcessingRecorded) -> Rank:
    return event.result.ended_at, event.recorded_at, event.to_json()


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """One data collection.

    Attributes:
        ref: which one.
        first_at, last_at: when it was heard of first and last, by this machine's clock.
        accepted_at: when its announcement was heard first, by the same.
        images: results by 0-based image.
        images_of: the kind of collection that they say they belong to.
        n_found: how many of them are analysed, not failed.
        first_result_at, last_result_at: when the first and the last block of images was done.
        trace: (0 if the trace of the announcement else 1, trace id).
    """

    ref: CollectionRef
    first_at: datetime
    last_at: datetime
    accepted: CollectionAccepted | None = None
    ended: CollectionEnded | None = None
    images: Mapping[int, ImageResult] = field(default_factory=dict)
    images_of: Experiment | None = None
    n_found: int = 0
    first_result_at: datetime | None = None
    last_result_at: datetime | None = None
    grid_result: GridResult | None = None
    runs: Mapping[str, RunRecord] = field(default_factory=dict)
    trace: tuple[int, str] | None = None
    accepted_at: datetime | None = None

    @property
    def details(self) -> Collection | None:
        """As announced."""
        return self.accepted.collection if self.accepted else None

    @property
    def announced_at(self) -> datetime | None:
        """When GDA said it; when the mesh accepted it, if GDA told no time."""
        return (self.accepted.announced_at or self.accepted.answered_at) if self.accepted else None

    @property
    def began_at(self) -> datetime:
        """When the collection began, by this machine's clock, as far as is known."""
        return self.accepted_at or self.first_at

    @property
    def n_images(self) -> int | None:
        """Images that there should be."""
        if self.details:
            return self.details.number_of_images
        return self.grid_result.n_images if self.grid_result else None

    @property
    def n_failed(self) -> int:
        """Images that could not be analysed."""
        return len(self.images) - self.n_found

    @property
    def failures(self) -> Counter[str]:
        """Number of failed images by reason."""
        if not self.n_failed:
            return Counter()
        return Counter(image.failure for image in self.images.values() if image.failure is not None)

    @property
    def is_grid(self) -> bool:
        """Whether this is a grid scan, announced as such or not."""
        if self.details:
            return self.details.experiment == "gridscan"
        return self.images_of == "gridscan" or self.grid_result is not None

    @property
    def phase(self) -> Phase:
        """Where it is on its way."""
        aborted = self.ended is not None and self.ended.outcome == "aborted"
        if self.is_grid:
            return self._phase_of_grid(aborted=aborted)
        return self._phase_of_rotation(aborted=aborted)

    def _phase_of_grid(self, *, aborted: bool) -> Phase:
        if self.grid_result:
            return Phase.CENTRED if self.grid_result.outcome == "found" else Phase.NO_CRYSTAL
        if aborted:
            return Phase.ABORTED
        if not self.images:
            return Phase.WAITING
        return Phase.CENTRING if len(self.images) == self.n_images else Phase.FINDING

    def _phase_of_rotation(self, *, aborted: bool) -> Phase:
        states = [run.state for run in self.runs.values()]
        if any(not state.terminal for state in states):
            return Phase.PROCESSING
        if states:
            return Phase.PROCESSED if RunState.SUCCEEDED in states else Phase.FAILED
        if aborted:
            return Phase.ABORTED
        return Phase.COLLECTED if self.details or self.images else Phase.ENDED

    @property
    def first_result_latency(self) -> timedelta | None:
        """From the announcement to the first image result."""
        return _between(self.announced_at, self.first_result_at)

    @property
    def centring_latency(self) -> timedelta | None:
        """From the last image result to the newest grid result."""
        return _between(self.last_result_at, self.grid_result.centred_at if self.grid_result else None)

    def moved(self, by: timedelta) -> "CollectionRecord":
        """The same, now that the clock was put by so much."""
        return replace(
            self,
            first_at=self.first_at + by,
            last_at=self.last_at + by,
            accepted_at=self.accepted_at and self.accepted_at + by,
            runs={run_id: replace(run, last_at=run.last_at + by) for run_id, run in self.runs.items()},
        )

    def accept(self, event: CollectionAccepted, heard_at: datetime) -> "CollectionRecord":
        """The later announcement corrects the earlier."""
        accepted = higher(self.accepted, event, lambda e: (e.answered_at, e.to_json()))
        return replace(self, accepted=accepted, accepted_at=min(self.accepted_at or heard_at, heard_at))

    def end(self, event: CollectionEnded) -> "CollectionRecord":
        """The later word counts."""
        return replace(self, ended=higher(self.ended, event, lambda e: (e.answered_at, e.to_json())))

    def add_spots(self, event: SpotsFound) -> "CollectionRecord":
        """Every image keeps its best result."""
        images = dict(self.images)
        parts: tuple[ImageFailure | ImageSpots, ...] = (*event.failed, *event.found)
        for part in parts:
            images[part.image] = higher(images.get(part.image), _image_result(part, event.found_at), lambda r: r.rank)
        return replace(
            self,
            images=images,
            images_of=event.experiment,
            n_found=sum(image.found for image in images.values()),
            first_result_at=min(event.found_at, self.first_result_at or event.found_at),
            last_result_at=max(event.found_at, self.last_result_at or event.found_at),
        )

    def centre(self, event: GridResult) -> "CollectionRecord":
        """The higher version replaces the lower."""
        best = higher(self.grid_result, event, lambda e: (e.version, e.centred_at, e.to_json()))
        return replace(self, grid_result=best)

    def follow_run(self, event: RunChanged | ProcessingRecorded, heard_at: datetime) -> "CollectionRecord":
        """A run moved on, or its result stands in the database."""
        ref = event.run if isinstance(event, RunChanged) else event.result.run
        run = self.runs.get(ref.run_id, RunRecord(heard_at)).follow(event, heard_at)
        return replace(self, runs={**self.runs, ref.run_id: run})


def _image_result(part: ImageSpots | ImageFailure, at: datetime) -> ImageResult:
    if isinstance(part, ImageFailure):
        return ImageResult(found=False, at=at, failure=part.reason)
    return ImageResult(True, at, part.n_spots_total, part.n_spots_no_ice, part.estimated_d_min)  # noqa: FBT003 - fields


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return end - start if start and end and end >= start else None

"""What shall not run, or not go on: remembered across restarts, so that a request which comes later finds it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from services.launcher.remembered import recall, remember
from shared.bus import Delivery
from shared.clock import process_clock
from shared.messages import CancelProcessing, CollectionRef, ProcessCollection


@dataclass(frozen=True, slots=True)
class AskedCancel:
    """A cancellation as it came."""

    message: CancelProcessing
    reply_to: str | None = None
    correlation_id: str | None = None

    @classmethod
    def of(cls, delivery: Delivery) -> "AskedCancel":
        """Body and headers of a delivery."""
        message = CancelProcessing.model_validate_json(delivery.body)
        return cls(message, delivery.reply_to, delivery.correlation_id)

    @property
    def collection(self) -> CollectionRef | None:
        """For the spans and the log."""
        return self.message.collection


@dataclass(frozen=True, slots=True)
class Cancellations:
    """A folder with a file for each cancelled run, and for each cancelled collection.

    Of a collection only what was asked for before is cancelled; what is asked for later runs. "Before" is told from
    the clocks of who asks and who cancels, within reason: nobody cancels, or asks, later than it comes here.
    """

    folder: Path
    clock: Callable[[], datetime] = process_clock.now

    def take(self, cancel: CancelProcessing, in_hand: Iterable[ProcessCollection]) -> set[str]:
        """Remember it, and for itself each run that it concerns of those in hand; the ids of these."""
        at = self.clock()
        taken = cancel.model_copy(update={"cancelled_at": min(cancel.cancelled_at, at)})
        self.add(taken)
        runs = {request.run_id for request in in_hand if _concerns(taken, request, at)}
        for run_id in runs:
            self.add(taken.model_copy(update={"run_id": run_id, "collection": None, "pipeline": None}))
        return runs

    def add(self, cancel: CancelProcessing) -> None:
        """Remember it; of two for the same, the later counts."""
        remember(self._entry(cancel.run_id or _runs_of(cancel.collection, cancel.pipeline)), cancel)

    def of(self, request: ProcessCollection) -> CancelProcessing | None:
        """What cancels a request, if anything does; not what was cancelled before the clock was put back."""
        at = self.clock()
        ref = request.collection.ref
        concerned = (request.run_id, _runs_of(ref), _runs_of(ref, request.pipeline))
        found = (recall(self._entry(what), CancelProcessing) for what in concerned)
        return next((cancel for cancel in found if cancel and self._counts(cancel, request, at)), None)

    @staticmethod
    def _counts(cancel: CancelProcessing, request: ProcessCollection, at: datetime) -> bool:
        is_plausible = bool(cancel.run_id) or cancel.cancelled_at <= at or request.asked_at > at
        return is_plausible and cancel.concerns(request)

    def _entry(self, what: str) -> Path:
        """A file whose name no text can lead out of the folder with."""
        return self.folder / f"{sha256(what.encode()).hexdigest()[:32]}.json"


def _concerns(cancel: CancelProcessing, request: ProcessCollection, at: datetime) -> bool:
    """Of what has come already, also what was asked for by a clock that is ahead, or was until it was put back."""
    asked_at = request.asked_at if request.asked_at <= at else cancel.cancelled_at
    return cancel.concerns(request.model_copy(update={"asked_at": asked_at}))


def _runs_of(collection: CollectionRef | None, pipeline: str | None = None) -> str:
    return f"{collection} {pipeline or 'all'}"

"""What shall not run, or not go on: remembered across restarts, so that a request which comes later finds it."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from services.launcher.remembered import recall, remember
from shared.bus import Delivery
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

    Of a collection only what was asked for before is cancelled; what is asked for later runs.
    """

    folder: Path

    def add(self, cancel: CancelProcessing) -> None:
        """Remember it; of two for the same, the later counts."""
        remember(self._entry(cancel.run_id or _runs_of(cancel.collection, cancel.pipeline)), cancel)

    def of(self, request: ProcessCollection) -> CancelProcessing | None:
        """What cancels a request, if anything does."""
        ref = request.collection.ref
        concerned = (request.run_id, _runs_of(ref), _runs_of(ref, request.pipeline))
        found = (recall(self._entry(what), CancelProcessing) for what in concerned)
        return next((cancel for cancel in found if cancel and cancel.concerns(request)), None)

    def _entry(self, what: str) -> Path:
        """A file whose name no text can lead out of the folder with."""
        return self.folder / f"{sha256(what.encode()).hexdigest()[:32]}.json"


def _runs_of(collection: CollectionRef | None, pipeline: str | None = None) -> str:
    return f"{collection} {pipeline or 'all'}"

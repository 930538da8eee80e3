"""What shall not run, or not go on: remembered across restarts, so that a request which comes later finds it."""

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

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
    _turn: Lock = field(default_factory=Lock, compare=False, repr=False)

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
        with self._turn:
            remember(self._entry(cancel.run_id or _runs_of(cancel.collection, cancel.pipeline)), cancel)

    def forget(self, before: datetime, needed: Collection[ProcessCollection] = ()) -> int:
        """Those that were taken before this moment, and said before it; how many they were.

        Args:
            before: no request that was asked for before it can come any more.
            needed: requests in hand, and those of runs under way; what concerns one of them stays.
        """
        return sum(self._forget_one(path, before, needed) for path in self._older(before))

    def _older(self, before: datetime) -> Iterable[Path]:
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and _taken_before(Path(entry.path), before):
                    yield Path(entry.path)

    def _forget_one(self, path: Path, before: datetime, needed: Collection[ProcessCollection]) -> bool:
        """In turn with ``add``, which may replace the file at this moment."""
        with self._turn:
            cancel = recall(path, CancelProcessing)
            is_over = cancel is None or (
                cancel.cancelled_at < before and not any(cancel.concerns(request) for request in needed)
            )
            if is_over and _taken_before(path, before):
                path.unlink()
                return True
        return False

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


def _taken_before(path: Path, moment: datetime) -> bool:
    """By this machine's clock; that of a cancellation's sender may be wrong."""
    return path.stat().st_mtime < moment.timestamp()


def _runs_of(collection: CollectionRef | None, pipeline: str | None = None) -> str:
    return f"{collection} {pipeline or 'all'}"

"""What shall not run, or not go on: remembered across restarts, so that a request which comes later finds it."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shared.messages import CancelProcessing, ProcessCollection


@dataclass(frozen=True, slots=True)
class Cancellations:
    """A folder with a file for each cancelled run, and for each cancelled collection.

    Of a collection only what was asked for before is cancelled; what is asked for later runs.
    """

    folder: Path

    def add(self, cancel: CancelProcessing) -> None:
        """Remember it; once this returns, no restart forgets it. Of two for the same, the later counts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = (path := self._entry(cancel)).with_suffix(".draft")
        draft.write_text(cancel.model_dump_json())
        draft.replace(path)

    def of(self, request: ProcessCollection) -> CancelProcessing | None:
        """What cancels a request, if anything does."""
        ref = request.collection.ref
        everything = CancelProcessing(collection=ref, cancelled_at=request.asked_at)
        names = (
            _name(request.run_id),
            self._entry(everything).name,
            self._entry(everything.model_copy(update={"pipeline": request.pipeline})).name,
        )
        found = (self._read(self.folder / name) for name in names)
        return next((cancel for cancel in found if cancel and cancel.concerns(request)), None)

    def _entry(self, cancel: CancelProcessing) -> Path:
        if cancel.run_id:
            return self.folder / _name(cancel.run_id)
        return self.folder / _name(f"{cancel.collection} {cancel.pipeline or 'all'}")

    @staticmethod
    def _read(path: Path) -> CancelProcessing | None:
        try:
            return CancelProcessing.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            return None


def _name(text: str) -> str:
    """A file name that no text can lead out of the folder with."""
    return f"{sha256(text.encode()).hexdigest()[:32]}.json"

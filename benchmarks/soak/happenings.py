"""What a beamline's year has beside grid scans: rotations, cancelled runs, bad announcements, dead letters."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio
import orjson
from anyio import to_thread

from benchmarks.mesh.beamline import PATIENCE_S, Beamline
from benchmarks.mesh.reel import THAUMATIN, grid_scan
from benchmarks.soak.stand_in import PIPELINE
from benchmarks.soak.traffic import Happening
from cli.demo.record import Recorded
from cli.world import ask
from shared.messages import (
    CancelProcessing,
    CollectionRef,
    CollectionStarts,
    FindSpots,
    ProcessCollection,
    ProcessingResult,
    RunState,
)
from shared.settings import BrokerSettings
from simulator.gda import collect, describe_rotation
from simulator.rotation import RotationScan

T = TypeVar("T")
ROTATION_IMAGES = 12
LOOK_S, BEGUN_S, ANSWER_S = 1.0, 2.0, 60.0


@dataclass
class Happenings:
    """All of it, and what came of it.

    Attributes:
        counts: what was done, by name; every line of it has an end that is awaited.
        rotations: those whose images are to be recorded.
    """

    beamline: Beamline
    broker: BrokerSettings
    recorded: Recorded
    counts: Counter[str] = field(default_factory=Counter)
    rotations: list[CollectionRef] = field(default_factory=list)

    def all(self) -> list[Happening]:
        """How often what happens, in grids."""
        return [
            Happening(20, self.rotation),
            Happening(40, self.cancelled_run),
            Happening(10, self.rejected_announcement),
            Happening(30, self.dead_letter),
        ]

    async def rotation(self) -> None:
        """Its images are analysed, and its processing succeeds."""
        scan = self._scan()
        collection = describe_rotation(self.beamline.session, scan, next(self.beamline.ids))
        await collect(self.beamline.bus, collection, self.beamline.reel.on_disk(scan))
        self.rotations.append(collection.ref)
        result = await self._end(collection.ref)
        await self._analysed(collection.ref)
        self._check("rotations", result.state is RunState.SUCCEEDED, f"{result.state}: {result.reason}")
        shutil.rmtree(Path(collection.image_directory))

    async def cancelled_run(self) -> None:
        """Of a rotation whose images never come: its run waits for them until it is cancelled."""
        collection = describe_rotation(self.beamline.session, self._scan(), next(self.beamline.ids), "endless")
        await to_thread.run_sync(_touch, Path(collection.master_path))
        request = ProcessCollection(collection=collection, pipeline=PIPELINE)
        await self.beamline.bus.publish(request)
        await anyio.sleep(BEGUN_S)
        asked = CancelProcessing(run_id=request.run_id, reason="nobody wants it")
        source = self.beamline.bus.topology.source(CancelProcessing, "launcher")
        answer = await ask(self.broker, source, asked.to_json(), ANSWER_S)
        result = await self._end(collection.ref)
        taken = bool(answer) and result.state is RunState.CANCELLED
        self._check("cancelled runs", taken, f"{result.state}, answered {answer!r}")
        shutil.rmtree(Path(collection.image_directory))

    async def rejected_announcement(self) -> None:
        """A field is missing; its sender, who has a connection of his own, is told so."""
        collection = describe_rotation(self.beamline.session, self._scan(), next(self.beamline.ids))
        body = collection.model_dump(mode="json", exclude={"number_of_images"}) | {"event": "start"}
        source = self.beamline.bus.topology.source(CollectionStarts, "ingester")
        answer = await ask(self.broker, source, orjson.dumps(body), ANSWER_S)
        told = "number_of_images is missing" in orjson.loads(answer or b"{}").get("reason", "")
        self._check("rejected announcements", told, f"answered {answer!r}")

    async def dead_letter(self) -> None:
        """A message that nobody understands."""
        source = self.beamline.bus.topology.source(FindSpots, "spotfinder")
        await self.beamline.bus.send_raw(source, b'{"not": "a block"}')
        self.counts["messages that nobody understands"] += 1

    def _scan(self) -> RotationScan:
        still = grid_scan(1, 1, model=self.beamline.reel.model)
        return RotationScan(
            n_images=ROTATION_IMAGES, width=0.5, detector=still.detector, beam=still.beam, crystal=THAUMATIN
        )

    async def _end(self, ref: CollectionRef) -> ProcessingResult:
        """Of a collection's processing, once it is recorded."""
        return await _until(lambda: self.recorded.processing(ref))

    async def _analysed(self, ref: CollectionRef) -> None:
        """Grid scans go first."""
        await _until(lambda: self.recorded.images(ref).n_found == ROTATION_IMAGES)

    def _check(self, what: str, holds: bool, found: str) -> None:  # noqa: FBT001 - what is checked
        if not holds:
            raise AssertionError(f"{what}: {found}")
        self.counts[what] += 1


def _touch(master: Path) -> None:
    master.parent.mkdir(parents=True)
    master.touch()


async def _until(look: Callable[[], T | None]) -> T:
    with anyio.fail_after(PATIENCE_S):
        while not (found := await to_thread.run_sync(look)):  # noqa: ASYNC110 - a database can only be polled
            await anyio.sleep(LOOK_S)
    return found

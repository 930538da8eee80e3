"""The only one who says where a crystal is: when a grid is whole, when its deadline passes, when late images come."""

import logging
from dataclasses import dataclass, field
from math import inf

import anyio

from services.writer.centring import centre_grid
from services.writer.grids import Counts, GridProgress, Grids
from shared import telemetry
from shared.bus import BrokerError, Bus
from shared.clock import Deadlines
from shared.messages import Collection, GridResult

log = logging.getLogger(__name__)


@dataclass
class Bell:
    """Rung whenever a grid may have become whole."""

    _rung: anyio.Event = field(default_factory=anyio.Event)

    def ring(self) -> None:
        """Wake whoever waits, or will wait."""
        self._rung.set()

    async def wait(self, longest_s: float) -> None:
        """Until it rings, or so long [s]."""
        with anyio.move_on_after(longest_s):
            await self._rung.wait()
        self._rung = anyio.Event()


@dataclass
class Publisher:
    """Centres the grids that are due and publishes their results, those of an earlier life included.

    Attributes:
        amend_interval_s: least time between two results of one grid while late images come in [s].
        catch_up_s: a deadline counts once the writer has heard the broker for so long without a break [s]: what was
            said in the meantime still waits in the queues.
        shadow: whether the mesh only listens beside the existing scripts.
        deadline_s: no grid is waited for any longer after its last image was due [s], whatever its record says.
        deadlines: those that the record agrees on.
    """

    bus: Bus
    grids: Grids
    bell: Bell
    amend_interval_s: float = 1.0
    catch_up_s: float = 0.0
    shadow: bool = False
    deadline_s: float = inf
    deadlines: Deadlines = field(default_factory=Deadlines)

    def __post_init__(self) -> None:
        self.clock = self.deadlines.clock
        self._deaf_at = self.clock.awake()
        self._unsaid = True

    async def run(self, longest_pause_s: float) -> None:
        """Look whenever the bell rings, and at least so often [s], since deadlines ring no bell."""
        while True:
            await self.look()
            await self.bell.wait(longest_pause_s)

    async def look(self) -> None:
        """Say what a former life or a refusal left unsaid, then centre every grid that is due."""
        if not self.bus.connected:
            self._deaf_at = self.clock.awake()
        if self._unsaid:
            await self._say_unsaid()
        for progress in await self.grids.open():
            if self._is_due(progress):
                with telemetry.continuing(progress.traceparent):
                    await self._centre(progress)

    def _is_due(self, progress: GridProgress) -> bool:
        if progress.centred_at:
            since_s = (self.clock.now() - progress.centred_at).total_seconds()
            return not 0 <= since_s < self.amend_interval_s  # before 0, the clock was put back since
        longest_s = progress.exposure_s + self.deadline_s
        is_late = self.deadlines.has_passed(str(progress.collection), progress.deadline, longest_s)
        has_heard_all = self.clock.awake() >= self._deaf_at + self.catch_up_s
        return progress.whole or (is_late and has_heard_all)

    async def _centre(self, progress: GridProgress) -> None:
        ref = progress.collection
        attributes: dict[str, str | int] = {
            telemetry.BEAMLINE: ref.beamline,
            telemetry.VISIT: ref.visit,
            telemetry.COLLECTION: ref.id,
            telemetry.IMAGES: progress.n_images,
        }
        with telemetry.tracer.start_as_current_span("centre grid", attributes=attributes):
            if result := await self.grids.report(ref, self._result):
                await self._say(result)
                log.info(f"grid {ref}: {result.status}, {len(result.crystals)} crystals")

    async def _say_unsaid(self) -> None:
        self._unsaid = False
        for left in await self.grids.unpublished():
            with telemetry.continuing(left.traceparent):
                await self._say(left.result)

    async def _say(self, result: GridResult) -> None:
        """First said, then marked: whoever dies in between says the same again."""
        try:
            await self.bus.publish(result)
        except BrokerError as refusal:
            self._unsaid = True
            log.error(f"the broker refused the result of grid {result.collection}: {refusal}")  # noqa: TRY400 - its words say all
        else:
            await self.grids.mark_published(result)

    def _result(self, collection: Collection, counts: Counts, progress: GridProgress) -> GridResult:
        if not (grid := collection.grid):
            raise ValueError(f"{progress.collection} is no grid scan")
        crystals = centre_grid(counts, grid.steps_x, grid.steps_y, snaked=grid.snaked, orientation=grid.orientation)
        first = "whole" if progress.whole else "partial"
        return GridResult(
            collection=progress.collection,
            version=progress.version + 1,
            status="amended" if progress.version else first,
            outcome="found" if crystals else "no crystal",
            crystals=tuple(crystals),
            grid=grid,
            n_images=progress.n_images,
            n_found=progress.n_found,
            n_failed=progress.n_failed,
            centred_at=self.clock.now(),
            shadow=self.shadow,
        )

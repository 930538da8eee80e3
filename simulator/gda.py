"""What GDA does around a data collection: announce its start, let the detector write, announce its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from anyio import from_thread, to_thread

from shared.bus import Bus
from shared.messages import Collection, CollectionEnds, CollectionStarts, Grid, Rotation, now
from simulator.collection import OnMaster, write_live
from simulator.grid import GridScan
from simulator.live import OnImage
from simulator.rotation import RotationScan


class Writer(Protocol):
    """The detector: `collection.write_live` or `replay.replay` with everything but the callbacks and the path given."""

    def __call__(self, master: Path, *, on_master: OnMaster, on_image: OnImage) -> None: ...


@dataclass(frozen=True)
class Session:
    """Where and for whom data are collected.

    Attributes:
        visit_directory: absolute path of the visit.
        beamline, visit: as the mesh knows them.
    """

    visit_directory: Path
    beamline: str = "i03"
    visit: str = "cm12345-1"


@dataclass
class Timeline:
    """When the parts of a data collection happened, by the beamline's clock."""

    announced_at: datetime | None = None
    written_at: list[datetime] = field(default_factory=list)
    ended_at: datetime | None = None


def describe_grid(session: Session, scan: GridScan, dcid: int, prefix: str = "grid") -> Collection:
    """What GDA says of a simulated grid scan."""
    grid = Grid(
        steps_x=scan.steps_x, steps_y=scan.steps_y, box_x_um=scan.box_um[0], box_y_um=scan.box_um[1], snaked=scan.snaked
    )
    common = _common(session, dcid, prefix, scan.n_images, scan.exposure_s)
    return Collection(**common, experiment="gridscan", grid=grid, **_optics(scan))


def describe_rotation(session: Session, scan: RotationScan, dcid: int, prefix: str = "rotation") -> Collection:
    """What GDA says of a simulated rotation."""
    common = _common(session, dcid, prefix, scan.n_images, scan.exposure_s)
    rotation = Rotation(start_deg=scan.start, width_deg=scan.width)
    return Collection(**common, experiment="rotation", rotation=rotation, **_optics(scan))


def describe_replay(session: Session, grid: Grid, exposure_s: float, dcid: int, prefix: str = "replay") -> Collection:
    """What GDA says of a recorded grid scan that is collected again."""
    common = _common(session, dcid, prefix, grid.n_boxes, exposure_s)
    return Collection(**common, experiment="gridscan", grid=grid)


def _common(session: Session, dcid: int, prefix: str, n_images: int, exposure_s: float) -> dict[str, object]:
    return {
        "beamline": session.beamline,
        "visit": session.visit,
        "dcid": dcid,
        "visit_directory": str(session.visit_directory),
        "folder": f"simulated/{dcid}",
        "prefix": prefix,
        "run_number": 1,
        "number_of_images": n_images,
        "exposure_s": exposure_s,
        "transmission_percent": 50.0,
    }


def _optics(scan: GridScan | RotationScan) -> dict[str, object]:
    return {"detector_distance_mm": scan.detector.distance_mm, "wavelength_A": scan.beam.wavelength}


def detector_of(scan: GridScan | RotationScan, frames: Path, frame_rate: float | None) -> Writer:
    """A detector that writes generated frames at its frame rate [images per second]."""
    return partial(write_live, scan, frames, frame_rate=frame_rate)


async def collect(
    bus: Bus, collection: Collection, detector: Writer, on_image: Callable[[int], None] = lambda _: None
) -> Timeline:
    """Collect data: announce the start once the detector is armed, write, announce the end."""
    timeline = Timeline()

    def armed(_: Path) -> None:
        from_thread.run(announce)

    async def announce() -> None:
        timeline.announced_at = now()
        await bus.publish(
            CollectionStarts(**collection.model_dump(), event="start", announced_at=timeline.announced_at)
        )

    def written(image: int) -> None:
        timeline.written_at.append(now())
        on_image(image)

    def write() -> None:
        Path(collection.image_directory).mkdir(parents=True, exist_ok=True)
        detector(Path(collection.master_path), on_master=armed, on_image=written)

    await to_thread.run_sync(write)
    timeline.ended_at = now()
    ref = collection.ref
    await bus.publish(
        CollectionEnds(event="end", beamline=ref.beamline, visit=ref.visit, dcid=ref.id, announced_at=timeline.ended_at)
    )
    return timeline

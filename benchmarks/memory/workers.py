"""The services that work: spot finder and launcher, with their real handlers; runs end as soon as they begin."""

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import h5py
import hdf5plugin
import numpy as np

from benchmarks.memory.stage import ForgetfulBus, Play, Stage
from benchmarks.memory.words import N_IMAGES, blocks, collection, request
from services.launcher.backends.index import IndexedBackend, RunIndex
from services.launcher.cancellations import AskedCancel, Cancellations
from services.launcher.handler import cancel, launch
from services.launcher.housekeeping import clear_away
from services.launcher.inflight import InFlight
from services.launcher.launcher import Launcher
from services.launcher.runs import Ending, Job, RunDirectory, RunStatus
from services.launcher.settings import Settings
from services.launcher.supervisor import look_at
from services.spotfinder.analysis import ImageReport, analyse_available
from services.spotfinder.handler import find_spots
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout
from services.spotfinder.turns import Turns
from shared.messages import CancelProcessing, Collection, FindSpots, ProcessCollection, RunState, now
from shared.service import body_as

SHAPE: Final = (64, 64)
CLEARANCES: Final = 100  # data collections between two clearances of the launcher


@asynccontextmanager
async def spotfinder(folder: Path) -> AsyncIterator[Play]:
    """Blocks of a collection at once, in this process instead of its workers; each collection has a file of its own."""
    async with anyio.create_task_group() as tasks:
        stage, parts = Stage("spotfinder", tasks), {"turns": Turns(2, 0.1), "lookout": Lookout(0.05)}
        handler = partial(find_spots, analyse=_analyse, in_hand=InHand(), **parts)

        async def play(number: int) -> None:
            which = collection(number, str(folder))
            with images_of(which):
                async with anyio.create_task_group() as together:
                    for block in blocks(which):
                        together.start_soon(stage.say, block, body_as(FindSpots), handler)

        yield play


async def _analyse(master_file: str, images: Sequence[int]) -> list[ImageReport]:
    return analyse_available(master_file, images)


@contextmanager
def images_of(which: Collection) -> Iterator[None]:
    """There for a while."""
    path = Path(which.master_path)
    write_images(path, which.wavelength_A or 1.0)
    yield
    path.unlink()


def write_images(path: Path, wavelength: float) -> None:
    """A small collection as a detector writes it; every image has a spot."""
    pixels = np.ones((N_IMAGES, *SHAPE), np.uint16)
    pixels[:, 20:23, 30:33] = 200
    fields: dict[str, tuple[object, str]] = {
        "detector/x_pixel_size": (75e-6, "m"),
        "detector/y_pixel_size": (75e-6, "m"),
        "detector/distance": (0.2, "m"),
        "detector/beam_center_x": (32.0, "pixel"),
        "detector/beam_center_y": (32.0, "pixel"),
        "detector/sensor_material": ("Si", ""),
        "detector/sensor_thickness": (450e-6, "m"),
        "detector/pixel_mask": (np.zeros(SHAPE, np.uint32), ""),
        "beam/incident_wavelength": (wavelength, "angstrom"),
    }
    with h5py.File(path, "w", libver="latest") as file:
        for name, (value, units) in fields.items():
            file[f"entry/instrument/{name}"] = value
            file[f"entry/instrument/{name}"].attrs["units"] = units
        for name, kind in {"": "NXentry", "/instrument": "NXinstrument", "/instrument/detector": "NXdetector"}.items():
            file[f"entry{name}"].attrs["NX_class"] = kind
        file["entry/instrument/beam"].attrs["NX_class"] = "NXbeam"
        data = file.create_group("entry/data")
        data.attrs["NX_class"] = "NXdata"
        data.create_dataset("data", data=pixels, chunks=(1, *SHAPE), **hdf5plugin.Bitshuffle(cname="lz4"))


class Instant(IndexedBackend):
    """A place where everything has happened at once; its files are those of real runs."""

    async def submit(self, job: Job) -> None:
        """See ``Backend``."""
        directory = RunDirectory(job.directory)
        directory.prepare(job)
        self.index.add(job)
        directory.end(Ending(state=RunState.SUCCEEDED, ended_at=now()))

    async def status(self, job: Job) -> RunStatus | None:
        """See ``Backend``."""
        ending = RunDirectory(job.directory).ending()
        return RunStatus(ending.state, ending=ending) if ending else None

    async def cancel(self, job: Job) -> None:
        """See ``Backend``. Too late."""

    async def logs(self, job: Job) -> str:
        """See ``Backend``."""
        return job.run_id


@asynccontextmanager
async def launcher(folder: Path) -> AsyncIterator[Play]:
    """A run of each collection, and a cancellation, whose time is over after a hundred more."""
    state = folder / "state"
    settings = Settings(backend="slurm", state_directory=state, least_free_gb=0, keep_working_files_days=1)
    async with anyio.create_task_group() as tasks:
        stage, flights = Stage("launcher", tasks), InFlight(settings.slots)
        kept = Cancellations(state / "cancelled"), RunIndex(state / "ended")
        place = Instant(RunIndex(state), settings.python)
        mine = Launcher(settings, place, flights, ForgetfulBus("launcher").publish, *kept)

        async def play(number: int) -> None:
            which = collection(number, str(folder))
            with master_of(which):
                await stage.say(request(which), body_as(ProcessCollection), partial(launch, launcher=mine))
                for job in flights.jobs():
                    await look_at(job, mine)
            message = CancelProcessing(collection=which.ref)
            await stage.say(message, AskedCancel.of, partial(cancel, launcher=mine))
            if number % CLEARANCES == 0:
                await clear_away(mine, now() + 2 * settings.keep_cancellations)

        yield play


@contextmanager
def master_of(which: Collection) -> Iterator[None]:
    """There for a while, and so is what processing leaves."""
    path = Path(which.master_path)
    path.touch()
    yield
    path.unlink()
    shutil.rmtree(path.parent / "processed")

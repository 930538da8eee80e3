"""Images of a rotation through the whole mesh."""

from pathlib import Path

import pytest
from anyio import to_thread

from cli.beamline import new_dcid
from shared.messages import CollectionStarts
from simulator.crystal import Crystal
from simulator.detector import Detector
from simulator.frames import cached_frames
from simulator.gda import describe_rotation, detector_of
from simulator.rotation import RotationScan
from simulator.sample import Beam

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

SWEEP = RotationScan(
    n_images=6,
    width=0.5,
    detector=Detector(model="500K", distance_mm=100),
    beam=Beam(),
    crystal=Crystal((78.9, 78.9, 37.1, 90, 90, 90), "P43212", d_min=2.1, mosaicity=0.1, scale=300, seed=8),
)


async def test_the_spots_of_a_rotation_are_recorded_and_shown_and_no_centre_is_sought(mesh, tmp_path):
    collection = describe_rotation(mesh.session, SWEEP, new_dcid())
    frames = cached_frames(SWEEP, tmp_path)
    detector = detector_of(SWEEP, frames, None)
    mesh.session.visit_directory.joinpath(collection.folder).mkdir(parents=True)
    await to_thread.run_sync(
        lambda: detector(Path(collection.master_path), on_master=lambda _: None, on_image=lambda _: None)
    )
    async with mesh.world() as bus:
        await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))

    images = await mesh.images_recorded(collection.ref, 6)
    assert (images.n_found, images.n_failed) == (6, 0)
    assert images.n_spots > 60

    def shown():
        (view,) = [each for each in mesh.status()["collections"] if each["id"] == collection.dcid]
        return view if view["n_found"] == 6 else None

    view = await mesh.until(shown, "6 images on the page")
    assert (view["experiment"], view["phase"], view["grid_result"]) == ("rotation", "waiting for processing", None)

"""Processing requests of Zocalo's clients through a whole mesh."""

import pytest

from cli.beamline import new_dcid
from services.ingester.zocalo import ProcessingJob, Sweep
from shared.messages import CancelProcessing, CollectionRef, CollectionStarts
from tests.announcements import ROTATION
from tests.ingester.ispyb_database import add_job

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


async def ask(bus, body):
    await bus.send_raw(bus.topology.queue("processing_recipe"), body, {"content-type": "application/json"})


async def test_a_processing_job_of_ispyb_begins_under_its_own_number(mesh):
    dcid = new_dcid()
    start = CollectionStarts.model_validate(
        {**ROTATION, "dcid": dcid, "folder": "zocalo", "visit_directory": str(mesh.session.visit_directory)}
    )
    mesh.session.visit_directory.joinpath("zocalo").mkdir(parents=True, exist_ok=True)
    add_job(
        mesh.home / "ispyb.sqlite", ProcessingJob(dcid, dcid, "autoprocessing-xia2-dials", (), (Sweep(dcid, 1, 5),))
    )

    def announced():
        return [view for view in mesh.status()["collections"] if view["id"] == dcid and view["details"]]

    def asked():
        return [run["ref"] for view in announced() for run in view["runs"]]

    async with mesh.world() as bus:
        await bus.publish(start)
        await mesh.until(announced, "the collection on the page")
        await ask(bus, b'{"parameters": {"ispyb_process": %d}}' % dcid)
        (run,) = await mesh.until(asked, "the run on the page")
        await bus.publish(CancelProcessing(collection=CollectionRef(beamline="i03", visit="cm12345-1", id=dcid)))
    assert (run["pipeline"], run["attempt"], run["images"]) == ("xia2-dials", dcid, [1, 5])


async def test_what_cannot_be_processed_waits_among_the_dead_letters_with_the_reason(mesh):
    def reasons():
        return [letter["event"]["reason"] for letter in mesh.status()["dead_letters"]]

    def refused():
        return [reason for reason in reasons() if "collection 987654321 was not announced" in reason]

    async with mesh.world() as bus:
        await ask(bus, b'{"recipes": ["autoprocessing-fast-dp"], "parameters": {"ispyb_dcid": 987654321}}')
        await mesh.until(refused, "the refused request on the page")

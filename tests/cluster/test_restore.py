"""What docs/operations.md says of volumes that are lost: saved while the mesh works, and restored."""

import pytest
from anyio import to_thread

from shared.messages import CollectionStarts, now
from tests.cluster import volumes
from tests.cluster.beamlines import PATIENCE_S, until
from tests.cluster.grids import N_IMAGES, assert_recorded_once
from tests.mesh.conftest import centre_of
from tests.writer.test_backup import documented

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
WITH_FILES = ("ingester", "writer", "aggregator")


def save(beamline, service):
    """A copy of a database in use, made in its pod."""
    _, *program = documented(f"/state/{service}.sqlite", "/state/backup.sqlite")
    beamline.kubectl("exec", f"deployment/{beamline.name}-{service}", "--", "python", *program)
    return beamline.volume(service) / "backup.sqlite"


async def say_again(bus, collection):
    await bus.publish(CollectionStarts(**collection.model_dump(), event="start", announced_at=now()))


async def test_databases_saved_in_use_are_lost_and_restored_and_know_what_they_knew(i03, scans):
    async with i03.world() as bus:
        collection, result = await scans.collect(i03, bus, 20)
        await assert_recorded_once(i03, collection)
        copies = {service: await to_thread.run_sync(save, i03, service) for service in WITH_FILES}
        for service in WITH_FILES:
            await i03.scale(f"deployment/{service}", 0)
            volumes.replace(i03.file(service), copies[service])
            await i03.scale(f"deployment/{service}", 1)

        await say_again(bus, collection)
        later, _ = await scans.collect(i03, bus, 20)
    await assert_recorded_once(i03, later)
    await assert_recorded_once(i03, collection)
    assert (await to_thread.run_sync(i03.collection, collection.ref))["grid_result"] == result.model_dump(mode="json")


async def test_what_waited_on_a_broker_whose_volume_is_lost_comes_back_with_the_copy(i03, scans, tmp_path):
    store = i03.volume("activemq")
    await i03.scale("deployment/spotfinder", 0)
    async with i03.world() as bus:
        collection = await scans.write(i03, bus, 20)
        await until(lambda: i03.collection(collection.ref)["ended"], "the ingester to know of the end")
        await i03.scale("statefulset/activemq", 0)
        copy = volumes.copied(store, tmp_path / "store")
        volumes.lose(store)
        volumes.restore(store, copy)
        await i03.scale("statefulset/activemq", 1)
        assert i03.images(collection.ref).n_found == 0
        await i03.scale("deployment/spotfinder", 1)
        scans.assert_found(await centre_of(bus, collection.ref, PATIENCE_S))
    assert (await i03.images_recorded(collection.ref, N_IMAGES)).n_failed == 0
    await assert_recorded_once(i03, collection)

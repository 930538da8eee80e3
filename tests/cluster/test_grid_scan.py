"""Grid scans through five pods, undisturbed and disturbed."""

import anyio
import pytest
from anyio import to_thread

from tests.cluster.beamlines import until
from tests.cluster.grids import assert_recorded_once

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]


async def test_the_crystal_is_found_where_it_is_and_stands_in_the_database_and_on_the_page(i03, scans):
    async with i03.world() as bus:
        collection, result = await scans.collect(i03, bus, 20)
    scans.assert_found(result)
    await assert_recorded_once(i03, collection)
    shown = await to_thread.run_sync(i03.collection, collection.ref)
    assert (shown["phase"], shown["n_found"], shown["n_failed"]) == ("centred", 48, 0)
    assert shown["grid_result"] == result.model_dump(mode="json")


@pytest.mark.parametrize("victim", ["spotfinder", "writer", "ingester", "aggregator", "activemq"])
async def test_a_pod_deleted_without_grace_in_the_middle_of_a_grid_loses_nothing(i03, scans, victim):
    await until(lambda: i03.ready(victim), f"a {victim} to delete")

    def written(image: int) -> None:
        if image == 20:
            i03.kill(victim)

    async with i03.world() as bus:
        collection, result = await scans.collect(i03, bus, 20, written)
    scans.assert_found(result)
    await assert_recorded_once(i03, collection)
    await until(lambda: i03.ready(victim), f"another {victim}")


async def test_spot_finders_come_and_go_in_the_middle_of_a_grid_and_all_of_them_work(i03, scans):
    done = anyio.Event()
    collected = []

    def all_work() -> bool:
        handled = i03.handled("spotfinder")
        return all(handled.get(pod) for pod in i03.ready("spotfinder"))

    async def scan_on() -> None:
        async with i03.world() as bus:
            while not done.is_set():
                collected.append(await scans.collect(i03, bus, 10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scan_on)
        for replicas in (2, 4, 1):
            await i03.scale("deployment/spotfinder", replicas)
            await until(all_work, f"work of {replicas} pods")
        done.set()
    for collection, result in collected:
        scans.assert_found(result)
        await assert_recorded_once(i03, collection)


async def test_two_beamlines_on_one_broker_never_see_each_others_messages(i03, i04, scans):
    found = {}

    async def scan(beamline) -> None:
        async with beamline.world() as bus:
            found[beamline.name] = await scans.collect(beamline, bus, 20)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scan, i03)
        tasks.start_soon(scan, i04)
    for beamline, other in ((i03, i04), (i04, i03)):
        collection, result = found[beamline.name]
        scans.assert_found(result)
        await assert_recorded_once(beamline, collection)
        assert other.images(collection.ref).n_found == 0
        assert other.recorded.n_reports(collection.ref) == 0
        keys = {each["key"] for each in beamline.page("/api/status")["collections"]}
        assert str(collection.ref) in keys
        assert str(found[other.name][0].ref) not in keys

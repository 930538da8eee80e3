"""A release, its broker included, is upgraded and rolled back while its beamline collects."""

import anyio
import pytest
from anyio import to_thread

from tests.cluster.grids import assert_recorded_once

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(900)]


async def collect_during(beamline, scans, change, *arguments):
    """Grid scans until the change is done, and one more: what the change said, and what was found."""
    done = anyio.Event()
    collected = []

    async def scan_on() -> None:
        async with beamline.world() as bus:
            while not done.is_set():
                collected.append(await scans.collect(beamline, bus, 10))
            collected.append(await scans.collect(beamline, bus, 10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scan_on)
        said = await to_thread.run_sync(change, *arguments)
        done.set()
    return said, collected


def tags(beamline):
    """Of the images of all pods, the broker's too."""
    pods = [*beamline.pods(), *beamline.pods("activemq")]
    return [pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods]


async def assert_all_found(beamline, scans, collected):
    for collection, result in collected:
        scans.assert_found(result)
        await assert_recorded_once(beamline, collection)
    shown = {each["key"]: each["phase"] for each in beamline.page("/api/status")["collections"]}
    assert {shown[str(collection.ref)] for collection, _ in collected} == {"centred"}


async def test_an_upgrade_to_new_images_and_its_rollback_replace_every_pod_and_no_collection_suffers(i03, scans):
    before = i03.revision
    upgraded, collected = await collect_during(i03, scans, i03.upgrade, "image.tag=next")
    assert upgraded.returncode == 0, upgraded.stderr
    assert tags(i03) == ["next"] * 6
    await assert_all_found(i03, scans, collected)

    back = ("rollback", "i03", str(before), "--wait", "--timeout=5m")
    returned, collected = await collect_during(i03, scans, i03.helm, *back)
    assert returned.returncode == 0, returned.stderr
    assert tags(i03) == ["test"] * 6
    assert i03.revision == before + 2
    await assert_all_found(i03, scans, collected)

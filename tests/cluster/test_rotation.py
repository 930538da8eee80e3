"""A rotation on a cluster: collected, processed by DIALS as a Job, recorded and shown."""

import pytest
from anyio import to_thread

from cli.beamline import new_dcid
from shared.messages import RunState
from simulator.demo import demo_rotation
from simulator.frames import cached_frames
from simulator.gda import collect, describe_rotation, detector_of
from tests.cluster import volumes
from tests.cluster.beamlines import until

pytestmark = [pytest.mark.kubernetes, pytest.mark.dials, pytest.mark.timeout(1200)]
PATIENCE_S = 900


async def test_a_rotation_becomes_merging_statistics_by_one_job_though_the_volume_of_the_launcher_is_lost_and_restored(
    i03, tmp_path
):
    scan = demo_rotation()
    collection = describe_rotation(i03.session, scan, new_dcid())
    frames = await to_thread.run_sync(lambda: cached_frames(scan, tmp_path, workers=2))
    async with i03.world() as bus:
        await collect(bus, collection, detector_of(scan, frames, 20))
    await until(lambda: i03.jobs(collection.ref), "a Job")
    copy = volumes.copied(i03.volume("launcher"), tmp_path / "launcher")
    await i03.scale("deployment/launcher", 0)
    volumes.lose(i03.volume("launcher"))
    volumes.restore(i03.volume("launcher"), copy)
    await i03.scale("deployment/launcher", 1)

    recorded = await until(lambda: i03.recorded.processing(collection.ref), "the result", PATIENCE_S)
    assert (recorded.state, recorded.reason) == (RunState.SUCCEEDED, None)
    assert recorded.reduction.unit_cell == pytest.approx(scan.truth().cell, rel=0.002)
    await until(
        lambda: [job["status"].get("succeeded") for job in i03.jobs(collection.ref)] == [1], "the end of its Job"
    )

    def shown():
        runs = i03.collection(collection.ref)["runs"]
        return runs[0]["result"] if runs else None

    result = await until(shown, "the result on the page")
    assert [shell["shell"] for shell in result["reduction"]["shells"]] == ["overall", "inner", "outer"]
    assert result["reduction"]["shells"][0]["cc_half"] > 0.98

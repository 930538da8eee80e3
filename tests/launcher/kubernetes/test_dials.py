"""Real DIALS in a Job, on a simulated rotation: from the request to the result."""

import os
import shutil
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from services.launcher.pipelines import TABLE
from services.launcher.settings import Settings, bundled_hdf5_plugins
from shared.messages import ProcessingResult, RunState
from simulator.collection import write_live
from simulator.demo import demo_rotation
from simulator.frames import cached_frames
from tests.launcher.builders import request
from tests.launcher.kubernetes.cluster import STATE
from tests.launcher.kubernetes.runs import make as make_backend
from tests.launcher.test_dials import QUICK
from tests.launcher.test_launcher import make, running

IMAGE = os.environ.get("MXMESH_TEST_DIALS_IMAGE", "docker.io/library/mxmesh-dials:test")
WHY = "no image with DIALS: `.ci/cluster/build dials`, then .ci/cluster/up"
is_there = "MXMESH_TEST_DIALS_IMAGE" in os.environ or (STATE.parent / "images/mxmesh-dials.tar").is_file()
pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.dials,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not is_there, reason=WHY),
]


async def test_dials_finds_cell_and_space_group_in_a_job(volume, folder, tmp_path):
    scan = demo_rotation()
    asked = request(folder, "dials", number_of_images=scan.n_images, parameters=QUICK)
    elsewhere = {
        "python": Path("/usr/bin/python3"),
        "hdf5_plugins": shutil.copytree(bundled_hdf5_plugins(), folder / "hdf5-plugins"),
        "environment": {"HOME": "/tmp", "PATH": "/usr/bin:/bin"},
        "processes": Settings().processes,
        "memory_gb": {"dials": 4},
    }
    backend = make_backend(volume, folder, image=IMAGE, cpu="500m")
    mesh = make(folder, TABLE, backend=backend, **elsewhere)
    master = Path(asked.collection.master_path)
    await to_thread.run_sync(write_live, scan, cached_frames(scan, tmp_path), master)
    async with running(mesh):
        mesh.ask(asked)
        with anyio.fail_after(800):
            while not mesh.said(ProcessingResult):
                await anyio.sleep(0.1)
    (result,) = mesh.said(ProcessingResult)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, None)
    assert result.reduction.unit_cell == pytest.approx(scan.truth().cell, rel=0.002)
    assert result.reduction.space_group in {"P 41 21 2", "P 43 21 2"}
    assert result.reduction.shells[0].cc_half > 0.98

"""Real DIALS as a Kubernetes Job: the launcher is a process, and is killed meanwhile."""

import json
import os
import shutil

import pytest

from services.launcher.settings import bundled_hdf5_plugins
from tests.launcher.kubernetes.cluster import STATE, kubectl
from tests.launcher.kubernetes.runs import cluster_settings
from tests.launcher.real_dials import assert_true, rotation, survive_a_kill, write_settings

IMAGE = os.environ.get("MXMESH_TEST_DIALS_IMAGE", "docker.io/library/mxmesh-dials:test")
is_there = "MXMESH_TEST_DIALS_IMAGE" in os.environ or (STATE.parent / "images/mxmesh-dials.tar").is_file()
pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.broker,
    pytest.mark.dials,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not is_there, reason="no image with DIALS: `.ci/cluster/build dials`, then .ci/cluster/up"),
]


async def test_a_rotation_is_processed_once_by_a_job_whose_launcher_is_killed(
    volume, folder, broker, topology, tmp_path
):
    asked = await rotation(folder / "visit", tmp_path)
    cluster = cluster_settings(volume, image=IMAGE)
    settings = write_settings(
        folder / "launcher.json",
        broker,
        topology,
        backend="kubernetes",
        kubernetes=cluster.model_dump(mode="json", exclude_unset=True),
        hdf5_plugins=str(shutil.copytree(bundled_hdf5_plugins(), folder / "hdf5-plugins")),
        environment={"HOME": "/tmp", "PATH": "/usr/bin:/bin"},
        memory_gb={"dials": 4},
    )
    result = await survive_a_kill(asked, settings, broker, topology)
    assert_true(result, asked)
    pods = json.loads(kubectl("get", "pods", "--output=json", namespace=volume.namespace).stdout)["items"]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods].count(IMAGE) == 1

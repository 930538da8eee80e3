"""Real DIALS as a Kubernetes Job: the launcher is a process, and is killed meanwhile."""

import json

import pytest

from tests.launcher.kubernetes.cluster import kubectl
from tests.launcher.kubernetes.runs import IMAGE, cluster_settings
from tests.launcher.real_dials import assert_true, rotation, survive_a_kill, write_settings

pytestmark = [pytest.mark.kubernetes, pytest.mark.broker, pytest.mark.dials, pytest.mark.timeout(900)]


async def test_a_rotation_is_processed_once_by_a_job_whose_launcher_is_killed(
    volume, folder, broker, topology, tmp_path
):
    asked = await rotation(folder / "visit", tmp_path)
    cluster = cluster_settings(volume)
    settings = write_settings(
        folder / "launcher.json",
        broker,
        topology,
        backend="kubernetes",
        kubernetes=cluster.model_dump(mode="json", exclude_unset=True),
        hdf5_plugins="/opt/hdf5-plugins",
        environment={"HOME": "/tmp", "PATH": "/usr/bin:/bin"},
        memory_gb={"dials": 4},
    )
    result = await survive_a_kill(asked, settings, broker, topology)
    assert_true(result, asked)
    pods = json.loads(kubectl("get", "pods", "--output=json", namespace=volume.namespace).stdout)["items"]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods].count(IMAGE) == 1

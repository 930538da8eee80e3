"""What tests do with runs on a real cluster."""

import os
from pathlib import Path

from services.launcher.backends.index import RunIndex
from services.launcher.backends.kubernetes.backend import KubernetesBackend
from services.launcher.backends.kubernetes.cluster import Cluster
from services.launcher.kubernetes_settings import KubernetesSettings
from tests.launcher.builders import job, until
from tests.launcher.kubernetes.cluster import KUBECONFIG

IMAGE = os.environ.get("MXMESH_TEST_IMAGE", "docker.io/mxmesh/mxmesh-dials:test")
PYTHON = Path("/usr/bin/python3")
LIMIT_S = 60


def cluster_settings(volume, **changes):
    """Runs of little need, as an ordinary user."""
    chosen = {
        "kubeconfig": KUBECONFIG,
        "namespace": volume.namespace,
        "image": IMAGE,
        "image_pull_policy": "Never",
        "cpu": "100m",
        "volumes": [{"path": volume.path, "claim": volume.claim}],
        "run_as_user": 1000,
        "run_as_group": 1000,
        "waiting_limit_s": 600,
    }
    return KubernetesSettings.model_validate({**chosen, **changes})


def make(volume, folder, **changes):
    return KubernetesBackend(RunIndex(folder / "state"), PYTHON, Cluster(cluster_settings(volume, **changes)))


def planned(folder, *steps, **changes):
    """A run of this test; the visit's name makes it one of its own."""
    run = job(folder, *steps, **changes)
    number = abs(hash(folder)) % 10**9
    request = run.request.model_copy(
        update={"collection": run.request.collection.model_copy(update={"dcid": number + 1})}
    )
    return run.model_copy(update={"request": request})


async def end_of(backend, run):
    async def ended():
        return (await backend.status(run)).ending

    return await until(ended, LIMIT_S)


async def finish(backend, run):
    await backend.submit(run)
    return await end_of(backend, run)


async def working(backend, run):
    """Wait until a program of the run works."""

    async def works():
        return (await backend.status(run)).steps

    return await until(works, LIMIT_S)

"""What several modules of the launcher's tests share: a real Slurm."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.launcher.slurm_cluster import SlurmCluster
from tests.launcher.slurm_runs import backend_on


@pytest.fixture(scope="session")
def cluster():
    """One Slurm for all tests; its unix socket needs a short path."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    running = SlurmCluster(folder)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def backend(tmp_path, cluster):
    async with backend_on(tmp_path, cluster) as backend:
        yield backend

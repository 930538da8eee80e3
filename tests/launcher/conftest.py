"""What several modules of the launcher's tests share: a real Slurm."""

import pytest

from benchmarks.slurm_cluster import running_slurm
from tests.launcher.slurm_runs import backend_on


@pytest.fixture(scope="session")
def cluster():
    """One Slurm for all tests."""
    with running_slurm() as running:
        yield running


@pytest.fixture
async def backend(tmp_path, cluster):
    async with backend_on(tmp_path, cluster) as backend:
        yield backend

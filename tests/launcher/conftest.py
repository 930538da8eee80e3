"""What several modules of the launcher's tests share: a real Slurm."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.launcher.slurm_cluster import SlurmCluster


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

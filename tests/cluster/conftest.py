"""Two beamlines with a broker on a cluster, for all tests."""

import os
import secrets

import pytest

from simulator.demo import small_grid
from simulator.frames import cached_frames
from tests.charts.chart import HELM, WHY
from tests.cluster.beamlines import Beamline, install
from tests.cluster.grids import Scans
from tests.launcher.kubernetes.cluster import kubectl
from tests.launcher.kubernetes.conftest import cluster, pytest_runtest_makereport

__all__ = ["cluster", "pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def beamlines(cluster, tmp_path_factory):
    """i03, whose release has the broker, and i04, in a namespace where Pod Security is strict; removed afterwards."""
    if HELM is None:
        pytest.skip(WHY)
    namespace, folder = f"mxmesh-test-{secrets.token_hex(4)}", tmp_path_factory.mktemp("beamlines")
    install(namespace, folder)
    yield {name: Beamline(name, namespace, folder) for name in ("i03", "i04")}
    kubectl("delete", "namespace", namespace, "--wait=true")
    kubectl("delete", "persistentvolume", f"--selector=mxmesh/namespace={namespace}", "--wait=false")


@pytest.fixture
def i03(beamlines, open_folders):
    return beamlines["i03"]


@pytest.fixture
def i04(beamlines, open_folders):
    return beamlines["i04"]


@pytest.fixture
def open_folders():
    """The user of the pods may write to what a test makes."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(scope="session", name="small_grid")
def small_grid_():
    return small_grid()


@pytest.fixture(scope="session")
def small_grid_frames(small_grid, tmp_path_factory):
    return cached_frames(small_grid, tmp_path_factory.mktemp("frames"), workers=2)


@pytest.fixture
def scans(small_grid, small_grid_frames):
    return Scans(small_grid, small_grid_frames)

"""What tests of runs on a cluster share."""

import os

import pytest

from tests.launcher.kubernetes.cluster import missing, shared_volume
from tests.launcher.kubernetes.runs import make

PROMISED = "MXMESH_CLUSTER_PROMISED" in os.environ


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Where a cluster was promised, as by `make test-kubernetes`, a test that lacks something has failed."""
    report = yield
    if PROMISED and report.skipped and item.get_closest_marker("kubernetes"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def cluster():
    """A cluster that answers; tests without one are skipped."""
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def volume(cluster, tmp_path_factory):
    """A folder that this machine and every pod see at the same path, in a namespace where Pod Security is strict."""
    yield from shared_volume(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def folder(volume, request):
    """One test's part of it; the user of the runs may write there."""
    before = os.umask(0)
    mine = volume.path / request.node.name
    mine.mkdir(mode=0o777)
    yield mine
    os.umask(before)


@pytest.fixture
def backend(volume, folder):
    return make(volume, folder)

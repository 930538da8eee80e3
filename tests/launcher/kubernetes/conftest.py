"""What tests of runs on a cluster share."""

import os

import pytest

from tests.launcher.kubernetes.cluster import shared_volume


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
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

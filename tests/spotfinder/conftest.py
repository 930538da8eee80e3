"""Settings of the spot finder's property tests, and a master file to link images to."""

import pytest
from hypothesis import settings

from tests.spotfinder.nexus_files import Master

settings.register_profile("spotfinder", deadline=None, max_examples=50)  # the first call of a kernel compiles it
settings.load_profile("spotfinder")


@pytest.fixture
def master(tmp_path):
    return Master().write(tmp_path / "grid_master.h5")

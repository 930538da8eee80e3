"""Containers of the project's images; `make test-containers` builds them."""

import os
import subprocess

import pytest

TAG = os.environ.get("MXMESH_TAG", "0.1.0")


def docker(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run docker; what it prints is text."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=timeout_s)


@pytest.fixture(scope="session", autouse=True)
def images():
    """Promised to be there by `make test-containers`."""
    if docker("image", "inspect", f"mxmesh/mxmesh-activemq:{TAG}").returncode != 0:
        assert "MXMESH_ACTIVEMQ_IMAGE" not in os.environ, "the images that .ci/docker/run builds are not there"
        pytest.skip("no images of mxmesh: run make test-containers")

"""`mxmesh check` on a running mesh, as `helm test` runs it."""

import os
import subprocess
import sys

import orjson
import pytest

from cli.check import BEAMLINE

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


def check(mesh, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it as somebody who knows the broker from variables, and nothing of this machine's mesh."""
    broker = mesh.running.broker
    login = {
        "MXMESH_BROKER_URL": broker.url,
        "MXMESH_BROKER_USER": broker.user,
        "MXMESH_BROKER_PASSWORD": broker.password.get_secret_value(),
        "MXMESH_BROKER_PREFIX": broker.prefix,
    }
    where = [f"--data-root={mesh.running.data_roots[0]}", f"--page-url={mesh.running.page_url}"]
    command = [sys.executable, "-m", "cli", "check", "--json", *where, *options]
    return subprocess.run(command, env={**os.environ, **login}, capture_output=True, text=True, check=False)


def test_a_mesh_that_works_finds_the_simulated_crystal(mesh):
    done = check(mesh)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert found["beamline"] == BEAMLINE != mesh.running.beamline
    assert found["distance_boxes"] < 1
    assert (found["n_found"], found["n_failed"]) == (48, 0)
    assert not list((mesh.running.data_roots[0] / "mxmesh-check").rglob("*.h5"))


def test_a_mesh_that_is_too_slow_fails_with_how_far_it_is(mesh):
    done = check(mesh, "--wait-s=0.01")
    assert done.returncode == 1
    assert "has no centre after 0.01 s" in done.stderr
    assert mesh.running.page_url in done.stderr

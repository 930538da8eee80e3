"""`compose.yaml`: one command makes a mesh, which finds a simulated crystal, and traces of it can be looked at."""

import os
import shlex
import subprocess
import time

import httpx
import pytest
import yaml

from cli.broker_configuration import free_ports
from shared.topology import SERVICES
from tests.charts.chart import ROOT
from tests.images.conftest import TAG

pytestmark = [pytest.mark.containers, pytest.mark.timeout(400)]


ON_THE_WAY = {f"mxmesh-{name}" for name in ("ingester", "spotfinder", "writer", "aggregator")}


class Composition:
    """A project of its own, on ports of its own."""

    def __init__(self, command: str) -> None:
        self.command = [*shlex.split(command), "--file", str(ROOT / "compose.yaml"), "--project-name", "mxmesh-test"]
        broker, page, traces = free_ports(3)
        self.page, self.traces = f"http://127.0.0.1:{page}", f"http://127.0.0.1:{traces}"
        ports = {"MXMESH_BROKER_PORT": str(broker), "MXMESH_PAGE_PORT": str(page), "MXMESH_TRACES_PORT": str(traces)}
        self.environment = {**os.environ, **ports, "MXMESH_TAG": TAG}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def composition():
    """Up, and nothing of it afterwards, volumes included."""
    if not (command := os.environ.get("MXMESH_COMPOSE")):
        pytest.skip("no `docker compose`: make test-containers builds it where Go is")
    composed = Composition(command)
    started = composed.run("up", "--detach", "--pull=never")
    try:
        assert started.returncode == 0, started.stderr
        yield composed
    finally:
        composed.run("--profile=check", "down", "--volumes", "--timeout=20")


def test_the_mesh_finds_a_simulated_crystal(composition):
    done = composition.run("run", "--rm", "check")
    assert done.returncode == 0, done.stdout + done.stderr + composition.run("logs", "--tail=20").stdout
    assert "0 images failed" in done.stdout


def test_the_page_knows_five_services_that_are_well(composition):
    status = httpx.get(f"{composition.page}/api/status", trust_env=False, timeout=10).json()
    assert {service["service"] for service in status["health"]["services"]} == set(SERVICES)


def test_jaeger_shows_the_way_of_an_announcement_through_the_mesh(composition):
    deadline = time.monotonic() + 60
    while not any(services >= ON_THE_WAY for services in traced(composition.traces)):
        assert time.monotonic() < deadline, traced(composition.traces)
        time.sleep(1)  # services send their spans every few seconds


def traced(jaeger: str) -> list[set[str]]:
    """The services of each trace that began in the ingester."""
    query = {"service": "mxmesh-ingester", "lookback": "1h", "limit": "20"}
    answer = httpx.get(f"{jaeger}/api/traces", params=query, trust_env=False, timeout=10).raise_for_status()
    return [{process["serviceName"] for process in trace["processes"].values()} for trace in answer.json()["data"]]


def test_every_service_is_there_and_the_rest_of_the_images_are_built_or_public():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(SERVICES) < set(services)
    assert {name for name, each in services.items() if "profiles" in each} == {"check"}

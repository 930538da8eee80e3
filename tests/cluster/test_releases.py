"""Releases on a cluster: installed, tried, refused, and gone again."""

import json

import pytest

from shared.topology import SERVICES
from tests.charts.chart import CHART
from tests.cluster.beamlines import until

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]


@pytest.mark.parametrize("name", ["i03", "i04"])
def test_five_pods_of_each_beamline_are_ready_where_pod_security_is_strict(beamlines, name):
    pods = sorted(pod.rsplit("-", 2)[0] for pod in beamlines[name].ready())
    assert pods == sorted(f"{name}-{each}" for each in SERVICES)
    namespace = json.loads(beamlines[name].kubectl("get", "namespace", beamlines[name].namespace, "--output=json"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_helm_test_sends_a_grid_scan_through_the_mesh(i03):
    done = i03.helm("test", "i03", "--timeout=5m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded" in done.stdout


def test_a_wrong_value_is_refused_with_its_place_and_changes_nothing(i03):
    before = i03.revision
    refused = i03.upgrade("services.spotfinder.settings.nsigma=3")
    assert refused.returncode != 0
    assert "at '/services/spotfinder/settings': additional properties 'nsigma' not allowed" in refused.stderr
    assert i03.revision == before


async def test_what_is_uninstalled_leaves_nothing_but_its_volumes(i03):
    mine = "--selector=app.kubernetes.io/instance=trial"
    everything = i03.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "--output=name").split()

    def left():
        return i03.kubectl("get", ",".join(everything), mine, "--output=name").split()

    values = json.loads(i03.helm("get", "values", "i03", "--output=json").stdout)
    values |= {"activemq": {"enabled": False}, "broker": {"url": "stomp://i03-activemq:61613", "prefix": "trial."}}
    file = i03.folder / "trial.json"
    file.write_text(json.dumps(values))
    assert i03.helm("install", "trial", str(CHART), f"--values={file}").returncode == 0
    assert {f"deployment.apps/trial-{each}" for each in SERVICES} <= set(left())

    assert i03.helm("uninstall", "trial", "--wait", "--timeout=5m").returncode == 0
    claims = {f"persistentvolumeclaim/trial-{each}" for each in ("aggregator", "ingester", "launcher", "writer")}
    await until(lambda: set(left()) == claims, "nothing but the claims")
    i03.kubectl("delete", "persistentvolumeclaim", mine, "--wait=false")

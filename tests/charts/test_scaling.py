"""How many spot finders there are: by hand, by the length of their queue, or by their CPU."""

import kubernetes_validate
import pytest

from shared.messages import FindSpots
from shared.topology import Topology
from tests.charts.chart import FULL, of_kind, render, values_of

TRIGGER_FIELDS = {
    "managementEndpoint",
    "destinationName",
    "brokerName",
    "targetQueueSize",
    "activationTargetQueueSize",
    "restAPITemplate",
    "corsHeader",
}
"""Metadata of KEDA's trigger `activemq`, as its documentation lists them; user and password come by reference."""
SPECIFICATION_FIELDS = {
    "scaleTargetRef",
    "pollingInterval",
    "cooldownPeriod",
    "minReplicaCount",
    "maxReplicaCount",
    "fallback",
    "advanced",
    "triggers",
}
KEDA = ("autoscaling.kind=keda", "autoscaling.managementEndpoint=activemq.example.org:8161")


def scaled_object(*sets):
    return of_kind(render("i03", values_of("i03"), sets=(*KEDA, *sets)), "ScaledObject")["i03-spotfinder"]["spec"]


def trigger(*sets):
    (only,) = scaled_object(*sets)["triggers"]
    return only


def test_the_queue_is_that_of_the_topology_table():
    source = Topology(prefix="i03.").source(FindSpots, "spotfinder")
    assert trigger()["metadata"]["destinationName"] == source.removeprefix("/queue/")
    unprefixed = trigger("broker.prefix=")["metadata"]["destinationName"]
    assert unprefixed == Topology().source(FindSpots, "spotfinder").removeprefix("/queue/")


def test_only_published_fields_are_used():
    sets = ("autoscaling.restApiTemplate=https://a/b", "autoscaling.corsHeader=http://keda")
    assert set(scaled_object(*sets)) <= SPECIFICATION_FIELDS
    assert set(trigger(*sets)) == {"type", "authenticationRef", "metadata"}
    assert set(trigger(*sets)["metadata"]) <= TRIGGER_FIELDS
    assert {type(value) for value in trigger(*sets)["metadata"].values()} == {str}


def test_the_login_comes_from_the_brokers_secret_or_from_one_of_its_own():
    def secrets(*sets):
        manifests = render("i03", values_of("i03"), sets=(*KEDA, *sets))
        login = of_kind(manifests, "TriggerAuthentication")["i03-spotfinder"]["spec"]["secretTargetRef"]
        assert {each["parameter"] for each in login} == {"username", "password"}
        return {each["name"] for each in login}

    assert secrets() == {"activemq"}
    assert secrets("autoscaling.existingSecret=jolokia") == {"jolokia"}
    assert trigger()["authenticationRef"] == {"name": "i03-spotfinder"}


def test_jolokia_of_the_releases_own_broker_is_found():
    manifests = render("full", FULL)
    (only,) = of_kind(manifests, "ScaledObject")["full-spotfinder"]["spec"]["triggers"]
    host, port = only["metadata"]["managementEndpoint"].split(":")
    assert host == "full-activemq.mx"
    assert int(port) in {each["port"] for each in of_kind(manifests, "Service")["full-activemq"]["spec"]["ports"]}
    assert f'brokerName="{only["metadata"]["brokerName"]}"' in str(of_kind(manifests, "ConfigMap")["full-activemq"])


@pytest.mark.parametrize("sets", [KEDA, ("autoscaling.kind=hpa",)], ids=["keda", "hpa"])
def test_who_scales_is_not_overruled_by_an_upgrade(sets):
    deployments = of_kind(render("i03", values_of("i03"), sets=sets), "Deployment")
    assert "replicas" not in deployments["i03-spotfinder"]["spec"]
    assert deployments["i03-writer"]["spec"]["replicas"] == 1


def test_without_keda_the_cpu_decides():
    manifests = render("i03", values_of("i03"), sets=("autoscaling.kind=hpa", "autoscaling.maxReplicas=6"))
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")["i03-spotfinder"]
    for release in ("1.29", "1.37"):
        kubernetes_validate.validate(scaler, release, strict=True)
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "i03-spotfinder"}
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 6)
    assert not of_kind(manifests, "ScaledObject")


def test_one_pod_at_a_time_may_be_evicted_where_there_are_several():
    assert (
        of_kind(render("i03", values_of("i03")), "PodDisruptionBudget")["i03-spotfinder"]["spec"]["maxUnavailable"] == 1
    )
    alone = render("i03", values_of("i03"), sets=("services.spotfinder.replicas=1",))
    assert not of_kind(alone, "PodDisruptionBudget")

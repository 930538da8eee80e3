"""What each service may speak to; that a network plugin enforces it is not tested here."""

import pytest

from shared.topology import SERVICES
from tests.charts.chart import FULL, of_kind, render, values_of

DNS = 53


def ports(case, *sets, file=None):
    """Ports of egress by service."""
    policies = of_kind(render(case, file or values_of(case), sets=sets), "NetworkPolicy")
    return {
        name: {each["port"] for rule in policies[f"{case}-{name}"]["spec"]["egress"] for each in rule["ports"]} - {DNS}
        for name in SERVICES
    }


def test_every_service_speaks_to_the_broker_and_only_some_to_others():
    assert ports("i03") == {
        "ingester": {61614},
        "spotfinder": {61614},
        "launcher": {61614, 443, 6443},
        "writer": {61614, 5432, 3306},
        "aggregator": {61614, 8161},
    }


def test_a_launcher_of_slurm_jobs_speaks_to_slurmrestd_and_not_to_kubernetes():
    assert ports("i04")["launcher"] == {61613, 6820}


@pytest.mark.parametrize(
    ("url", "port"), [("https://mq/jolokia", 443), ("http://mq/jolokia", 80), ("http://mq:1234/jolokia", 1234)]
)
def test_the_aggregator_speaks_to_jolokia(url, port):
    sets = (f"services.aggregator.settings.monitor.url={url}",)
    assert ports("i03", *sets)["aggregator"] == {61614, port}
    assert 8161 in ports("full", file=FULL)["aggregator"]
    assert 8161 not in ports("i04")["aggregator"]


def test_own_traces_and_further_ports_are_allowed():
    assert {61613, 4318, 8443} <= ports("full", file=FULL)["spotfinder"]


def test_traces_elsewhere_are_allowed():
    assert 4318 in ports("i03", "tracing.otlpEndpoint=http://tempo:4318")["writer"]


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_page_is_called_from_elsewhere(name):
    spec = of_kind(render("i03", values_of("i03")), "NetworkPolicy")[f"i03-{name}"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert ("ingress" in spec) == (name == "aggregator")


def test_a_cluster_may_do_without():
    assert not of_kind(render("i03", values_of("i03"), sets=("networkPolicies.enabled=false",)), "NetworkPolicy")

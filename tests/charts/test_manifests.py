"""Every manifest of every values file: valid for old and new Kubernetes, and within Pod Security 'restricted'."""

import re
from functools import cache

import kubernetes_validate
import pytest
import yaml

from shared.topology import SERVICES
from tests.charts.chart import CASES, CHART, FULL, of_kind, pod_specs, render, template, values_of

OLDEST, NEWEST = "1.29", "1.37"
OPERATORS = ("keda.sh", "monitoring.coreos.com", "external-secrets.io")
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "nfs"}
"""'restricted' allows all of these but NFS, which only example i04 uses, whose namespace must allow it."""
every_case = pytest.mark.parametrize("case", CASES)


@cache
def manifests(case):
    return tuple(render(case, CASES[case]))


def native(case):
    return [each for each in manifests(case) if each["apiVersion"].split("/")[0] not in OPERATORS]


@every_case
@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_kubernetes_own_schema_accepts_every_manifest(case, release):
    for manifest in native(case):
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_misspelt_field_would_be_noticed():
    deployment = of_kind(list(manifests("i03")), "Deployment")["i03-writer"]
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_the_chart_refuses_kubernetes_older_than_the_oldest_checked():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={OLDEST}.0-0"


def test_the_full_case_switches_on_every_template():
    rendered = set(re.findall(r"^# Source: mxmesh/templates/(.+)$", template("full", FULL).stdout, re.MULTILINE))
    folder = CHART / "templates"
    assert rendered == {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}


@every_case
def test_a_service_is_one_deployment(case):
    deployments = of_kind(list(manifests(case)), "Deployment")
    assert {f"{case}-{name}" for name in SERVICES} <= set(deployments)


@every_case
def test_pods_have_no_more_rights_than_pod_security_restricted_allows(case):
    for owner, pod in pod_specs(list(manifests(case))).items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, owner
        assert security["runAsUser"] > 0, owner
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), owner
        kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
        assert kinds <= RESTRICTED_VOLUMES - (set() if case == "i04" else {"nfs"}), owner
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, owner
            assert not [port for port in container.get("ports", []) if "hostPort" in port], owner


@every_case
def test_only_a_launcher_that_starts_jobs_may_speak_to_kubernetes(case):
    pods = pod_specs(list(manifests(case)))
    trusted = {owner for owner, pod in pods.items() if pod["automountServiceAccountToken"]}
    starts_jobs = case != "i04"
    assert trusted == ({f"Deployment/{case}-launcher"} if starts_jobs else set())
    assert len(of_kind(list(manifests(case)), "Role")) == starts_jobs


def test_its_rights_are_those_that_the_documentation_names():
    page = (CHART.parents[1] / "docs/how-to/run-on-kubernetes.md").read_text()
    documented = yaml.safe_load(page.split("```yaml\n")[1].split("---")[0])
    assert of_kind(list(manifests("i03")), "Role")["i03-launcher"]["rules"] == documented["rules"]


@every_case
def test_probes_tell_a_process_that_lives_from_one_that_is_subscribed(case):
    for name in SERVICES:
        (container,) = pod_specs(list(manifests(case)))[f"Deployment/{case}-{name}"]["containers"]
        paths = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
        assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
        assert container["readinessProbe"]["httpGet"]["port"] == "http"


@every_case
def test_every_selector_finds_its_pods_and_no_others(case):
    labels = {}
    for each in manifests(case):
        if each["kind"] in ("Deployment", "StatefulSet"):
            labels[each["metadata"]["name"]] = each["spec"]["template"]["metadata"]["labels"]
            assert each["spec"]["selector"]["matchLabels"].items() <= labels[each["metadata"]["name"]].items()
    for each in manifests(case):
        spec = each.get("spec", {})
        selector = spec.get("podSelector") or (spec.get("selector") if "selector" in spec else None)
        if selector:
            wanted = selector.get("matchLabels", selector)
            assert [name for name, has in labels.items() if wanted.items() <= has.items()], each["metadata"]["name"]


@every_case
def test_every_volume_that_is_mounted_is_there(case):
    for owner, pod in pod_specs(list(manifests(case))).items():
        there = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == there, owner


@every_case
def test_every_claim_of_the_release_is_made_and_stays(case):
    claims = of_kind(list(manifests(case)), "PersistentVolumeClaim")
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pod_specs(list(manifests(case))).values()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    given = {"visits", "dls", "scratch", "results", "dls-i03", "dls-i24"}
    assert used - given == set(claims)
    assert {claim["metadata"]["annotations"]["helm.sh/resource-policy"] for claim in claims.values()} <= {"keep"}


def test_data_are_read_by_all_and_written_by_the_launcher_only():
    pods = pod_specs(list(manifests("i03")))
    writes = {}
    for name in SERVICES:
        (container,) = pods[f"Deployment/i03-{name}"]["containers"]
        for mount in container["volumeMounts"]:
            if mount["name"] == "visits":
                writes[name] = not mount["readOnly"]
    assert writes == {"ingester": False, "spotfinder": False, "launcher": True}


def test_pods_on_the_way_of_live_grid_scans_go_first_and_others_do_not():
    pods = pod_specs(list(manifests("i03")))
    first = {name: pods[f"Deployment/i03-{name}"].get("priorityClassName") for name in SERVICES}
    assert {name for name, chosen in first.items() if chosen == "mx-i03-grid-scans"} == {
        "ingester",
        "spotfinder",
        "writer",
    }
    assert first["launcher"] is None
    in_shadow = pod_specs(render("i03", values_of("i03"), sets=("mode=shadow",)))
    assert not [owner for owner, pod in in_shadow.items() if "priorityClassName" in pod]


def test_spot_finders_spread_over_nodes():
    (rule,) = pod_specs(list(manifests("i03")))["Deployment/i03-spotfinder"]["topologySpreadConstraints"]
    assert (rule["topologyKey"], rule["maxSkew"]) == ("kubernetes.io/hostname", 1)


def test_a_pod_has_time_for_the_images_in_hand():
    pods = pod_specs(list(manifests("i03")))
    assert pods["Deployment/i03-spotfinder"]["terminationGracePeriodSeconds"] == 60

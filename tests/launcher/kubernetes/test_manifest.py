"""The Job of a run: valid for Kubernetes, allowed where Pod Security is strict, named after the run."""

import re

import kubernetes_validate
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from services.launcher.backends.kubernetes.manifest import job_name, label, manifest
from services.launcher.backends.scripts import with_own_scripts
from services.launcher.kubernetes_settings import KubernetesSettings, Volume
from services.launcher.pipelines.model import PAYLOAD
from services.launcher.settings import Settings
from tests.launcher.builders import job, step

COMMAND = ("/usr/bin/python3", "/data/run/payload/wrapper.py", "/data/run")
FULL = {
    "image": "registry.example/dials:3",
    "image_pull_secrets": ["pull"],
    "node_selector": {"beamline": "i03"},
    "tolerations": [{"key": "reserved", "value": "mx", "operator": "Equal", "effect": "NoSchedule"}],
    "priority_class": "online",
    "volumes": [{"path": "/data", "claim": "visits", "sub_path": "i03"}, {"path": "/opt/sw", "host_path": "/opt/sw"}],
    "run_as_user": 1000,
    "run_as_group": 2000,
    "fs_group": 2000,
    "supplemental_groups": [3000],
}
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def made(tmp_path, **changes):
    settings = KubernetesSettings.model_validate({"image": "programs:1", **changes})
    return manifest(job(tmp_path), COMMAND, settings)


def test_a_pod_asks_for_the_memory_of_its_run_and_may_not_exceed_it(tmp_path):
    run = job(tmp_path, memory_gb={"stand-in": 1.5})
    (container,) = manifest(run, COMMAND, KubernetesSettings(image="programs:1"))["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["resources"] == {"requests": {"cpu": "4", "memory": "1500M"}, "limits": {"memory": "1500M"}}


def pod_of(tmp_path, **changes):
    return made(tmp_path, **changes)["spec"]["template"]["spec"]


@pytest.mark.parametrize("release", ["1.29", "1.31", "1.34"])
@pytest.mark.parametrize("changes", [{}, FULL], ids=["least", "full"])
def test_kubernetes_own_schema_accepts_it(tmp_path, release, changes):
    kubernetes_validate.validate(made(tmp_path, **changes), release, strict=True)


def test_a_misspelt_field_would_be_noticed(tmp_path):
    wrong = made(tmp_path)
    wrong["spec"]["backOffLimit"] = wrong["spec"].pop("backoffLimit")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_a_pod_has_no_more_rights_than_pod_security_restricted_allows(tmp_path):
    pod = pod_of(tmp_path, **FULL)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod["automountServiceAccountToken"] is False


def test_a_run_is_tried_once_but_a_lost_node_is_not_its_failure(tmp_path):
    spec = made(tmp_path)["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]


def test_kubernetes_gives_up_later_than_the_wrapper(tmp_path):
    planned = job(tmp_path)
    assert made(tmp_path, waiting_limit_s=60)["spec"]["activeDeadlineSeconds"] == planned.time_limit_s + 60
    assert pod_of(tmp_path)["terminationGracePeriodSeconds"] > planned.grace_s


def test_volumes_are_mounted_where_the_launcher_sees_them(tmp_path):
    pod = pod_of(tmp_path, **FULL)
    claimed, folder = pod["volumes"]
    assert claimed["persistentVolumeClaim"] == {"claimName": "visits"}
    assert folder["hostPath"] == {"path": "/opt/sw", "type": "Directory"}
    assert [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]] == ["/data", "/opt/sw"]


@given(st.text(min_size=1, max_size=200))
def test_any_run_id_gives_a_name_and_a_label_that_kubernetes_allows(run_id):
    assert DNS_LABEL.fullmatch(job_name(run_id))
    assert LABEL_VALUE.fullmatch(label(run_id))


@given(st.text(max_size=80), st.text(max_size=80))
def test_different_runs_have_different_names(one, other):
    assert (job_name(one) == job_name(other)) == (one == other)


def test_an_ordinary_run_id_stays_readable():
    assert job_name("i03-2001-dials-1") == "mxmesh-i03-2001-dials-1"


def test_scripts_of_the_launcher_are_taken_from_the_run_directory(tmp_path):
    planned = job(tmp_path, step("await", "true"))
    own = planned.steps[0].model_copy(update={"argv": ("/usr/bin/python3", f"{PAYLOAD}/await_images.py", "a.h5")})
    (moved,) = with_own_scripts(planned.model_copy(update={"steps": (own,)})).steps
    assert moved.argv == ("/usr/bin/python3", f"{planned.directory}/payload/await_images.py", "a.h5")


@pytest.mark.parametrize("sources", [{}, {"claim": "visits", "host_path": "/data"}])
def test_a_volume_has_exactly_one_source(sources):
    with pytest.raises(ValidationError, match="either claim or host_path"):
        Volume(path="/data", **sources)


def test_settings_come_from_variables(monkeypatch):
    monkeypatch.setenv("MXMESH_KUBERNETES_RUN_AS_USER", "1000")
    assert Settings.load().kubernetes.run_as_user == 1000

"""`skaffold.yaml`: all that it names is there, and what it has helm render is rendered. Skaffold itself is not run."""

import json
import os
import re
from typing import Annotated, Any, Literal

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from shared.topology import SERVICES
from tests.charts.chart import BEAMLINES, ROOT, of_kind, pod_specs, render, template


class Block(BaseModel):
    """Fields of skaffold/v4beta11 that are used; the published schema (Skaffold 2.12) has many more."""

    model_config = ConfigDict(extra="forbid")


class Docker(Block):
    dockerfile: str
    buildArgs: dict[str, str] = {}


class Artifact(Block):
    image: str
    context: str = "."
    docker: Docker

    @property
    def dockerfile(self) -> str:
        """Where it is in the checkout."""
        return os.path.normpath(f"{self.context}/{self.docker.dockerfile}")


class Local(Block):
    push: bool | None = None
    useBuildkit: bool


class Build(Block):
    local: Local | None = None
    tagPolicy: dict[Literal["inputDigest"], dict[str, str]] | None = None
    artifacts: list[Artifact] = []


class Release(Block):
    name: str
    chartPath: str
    valuesFiles: list[str]
    setValueTemplates: dict[str, str]
    setValues: dict[str, Any] = {}
    skipTests: bool
    wait: bool


class Host(Block):
    command: list[str]


class Hooks(Block):
    before: list[dict[Literal["host"], Host]]
    after: list[dict[Literal["host"], Host]]


class Helm(Block):
    releases: list[Release]
    hooks: Hooks | None = None


class Deploy(Block):
    helm: Helm


class PortForward(Block):
    resourceType: Literal["service"]
    resourceName: str
    port: int


class Profile(Block):
    name: str
    build: Build | None = None
    deploy: Deploy
    portForward: list[PortForward] = []


class Skaffold(Block):
    apiVersion: Literal["skaffold/v4beta11"]
    kind: Literal["Config"]
    metadata: dict[Literal["name"], str]
    build: Build
    deploy: Deploy
    profiles: Annotated[list[Profile], Field(min_length=1)]


def read():
    """As Skaffold does: keys that begin with a dot only hold anchors."""
    document = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    return Skaffold.model_validate({key: each for key, each in document.items() if not key.startswith(".")})


CONFIGURATION = read()
PROFILES = {profile.name: profile for profile in CONFIGURATION.profiles}
ARTIFACTS = {artifact.image: artifact for artifact in CONFIGURATION.build.artifacts}
PLACEHOLDER = re.compile(r"{{\.IMAGE_FULLY_QUALIFIED_(\w+)}}")


def reference(image):
    return f"{image}:built"


def fill(text):
    """What Skaffold would put in place of an image's variable."""
    named = {re.sub(r"[-/.:]", "_", image): reference(image) for image in ARTIFACTS}
    return PLACEHOLDER.sub(lambda found: named[found[1]], text)


def release(profile):
    (only,) = PROFILES[profile].deploy.helm.releases
    return only


def rendered(profile):
    planned = release(profile)
    assert (ROOT / planned.chartPath / "Chart.yaml").is_file()
    values = {**planned.setValues, **{key: fill(text) for key, text in planned.setValueTemplates.items()}}
    sets = tuple(f"{key}={str(each).lower() if isinstance(each, bool) else each}" for key, each in values.items())
    return render(planned.name, *(ROOT / file for file in planned.valuesFiles), sets=sets)


every_profile = pytest.mark.parametrize("profile", PROFILES)


def test_there_is_a_profile_for_development_for_ci_and_for_each_example_beamline():
    assert set(PROFILES) == {"dev", "ci", *BEAMLINES}


def test_every_service_has_an_image_and_so_has_what_surrounds_them():
    around = ("cli", "activemq", "dials")
    assert set(ARTIFACTS) == {f"mxmesh/mxmesh-{name}" for name in (*SERVICES, *around)}
    for name in (*SERVICES, "cli"):
        assert ARTIFACTS[f"mxmesh/mxmesh-{name}"].docker.buildArgs == {"SERVICE": name}


DOCKERFILES = sorted({artifact.dockerfile for artifact in ARTIFACTS.values()})


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_every_dockerfile_is_there_and_takes_the_arguments_it_is_given(dockerfile):
    text = (ROOT / dockerfile).read_text()
    for artifact in ARTIFACTS.values():
        if artifact.dockerfile == dockerfile:
            assert all(re.search(rf"^ARG {name}\b", text, re.MULTILINE) for name in artifact.docker.buildArgs)


@every_profile
def test_what_a_profile_deploys_renders_to_valid_manifests(profile):
    for manifest in rendered(profile):
        if "." not in manifest["apiVersion"].split("/")[0] or manifest["apiVersion"].split("/")[0].endswith(".k8s.io"):
            kubernetes_validate.validate(manifest, "1.37", strict=True)


@every_profile
def test_every_image_of_a_release_is_one_that_was_built(profile):
    built = {reference(image) for image in ARTIFACTS}
    for owner, pod in pod_specs(rendered(profile)).items():
        if not owner.endswith("-jaeger"):
            assert {container["image"] for container in pod["containers"]} <= built, owner


def test_jobs_get_the_image_that_was_built():
    settings = of_kind(rendered("dev"), "ConfigMap")["dev-launcher"]["data"]["settings.json"]
    assert reference("mxmesh/mxmesh-dials") in settings
    filters = json.loads(settings)["hdf5_plugins"]
    assert f"HDF5_PLUGIN_PATH={filters}\n" in (ROOT / "docker/dials/Dockerfile").read_text()


@every_profile
def test_every_value_that_is_set_is_a_value_of_the_chart(profile):
    """A wrong name is refused by the schema; that this is so is tested by one."""
    planned = release(profile)
    files = [ROOT / file for file in planned.valuesFiles]
    assert template(planned.name, *files, arguments=("--set=activemq.imag=x",)).returncode != 0
    assert rendered(profile)


def test_what_is_forwarded_and_tested_is_there():
    for name, profile in PROFILES.items():
        services = of_kind(rendered(name), "Service")
        for forward in profile.portForward:
            assert forward.port in {port["port"] for port in services[forward.resourceName]["spec"]["ports"]}
        for hook in profile.deploy.helm.hooks.after if profile.deploy.helm.hooks else []:
            assert hook["host"].command == ["helm", "test", release(name).name]


def test_files_that_hooks_name_are_there():
    for profile in ("dev", "ci"):
        words = [word for hook in PROFILES[profile].deploy.helm.hooks.before for word in hook["host"].command]
        files = [ROOT / word for word in words if word.endswith(".yaml")]
        assert files
        for file in files:
            kubernetes_validate.validate(yaml.safe_load(file.read_text()), "1.37", strict=True)


def test_the_volume_and_the_secret_that_hooks_make_are_those_that_pods_want():
    pod = pod_specs(rendered("dev"))["Deployment/dev-spotfinder"]
    claims = {
        volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume
    }
    made = yaml.safe_load((ROOT / "charts/mxmesh/ci/visits.yaml").read_text())
    assert claims == {made["metadata"]["name"]}
    secrets = {each["valueFrom"]["secretKeyRef"]["name"] for each in pod["containers"][0]["env"] if "valueFrom" in each}
    hooks = " ".join(word for hook in PROFILES["dev"].deploy.helm.hooks.before for word in hook["host"].command)
    assert all(f"secret generic {name}" in hooks for name in secrets)

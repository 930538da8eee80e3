"""The chart as helm renders it."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/mxmesh"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
BUILT = Path(os.environ.get("MXMESH_CLUSTER_HOME", CACHE / "mxmesh/kubernetes")) / "bin/helm"
HELM = str(BUILT) if BUILT.is_file() else shutil.which("helm")
WHY = "no helm: `.ci/cluster/helm` builds it"
BEAMLINES = tuple(sorted(path.stem for path in (CHART / "beamlines").glob("*.yaml")))
FULL = Path(__file__).parent / "full.yaml"
SMALL = CHART / "ci/small-values.yaml"
Manifest = dict[str, Any]


def values_of(beamline: str) -> Path:
    return CHART / "beamlines" / f"{beamline}.yaml"


CASES = {**{name: values_of(name) for name in BEAMLINES}, "small": SMALL, "full": FULL}
"""Every values file, by the name of the release that the tests give it."""


@cache
def template(
    release: str, *values: Path, namespace: str = "mx", arguments: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `helm template`."""
    files = [word for path in values for word in ("--values", str(path))]
    command = [HELM, "template", release, str(CHART), "--namespace", namespace, *files, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def render(release: str, *values: Path, namespace: str = "mx", sets: tuple[str, ...] = ()) -> list[Manifest]:
    """Every manifest of a release."""
    done = template(release, *values, namespace=namespace, arguments=tuple(f"--set={each}" for each in sets))
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def refusal(*sets: str, beamline: str = "i03") -> str:
    """What helm says of wrong values."""
    done = template(beamline, values_of(beamline), arguments=tuple(f"--set={each}" for each in sets))
    assert done.returncode != 0, f"helm accepts {sets}"
    return done.stderr


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pod_specs(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every pod specification, by kind and name of its owner."""
    specs = {}
    for each in manifests:
        spec = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {}).get("spec")
        if spec:
            specs[f"{each['kind']}/{each['metadata']['name']}"] = spec
    return specs

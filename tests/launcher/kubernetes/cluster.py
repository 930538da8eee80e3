"""The cluster of the tests: $MXMESH_TEST_KUBECONFIG, or what .ci/cluster/up started."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
STATE = Path(os.environ.get("MXMESH_CLUSTER_HOME", CACHE / "mxmesh/kubernetes")) / "run"
KUBECONFIG = Path(os.environ.get("MXMESH_TEST_KUBECONFIG", STATE / "keys/admin.kubeconfig"))
KUBECTL = shutil.which("kubectl", path=f"{STATE.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
SCRIPTS = Path(__file__).parents[3] / ".ci/cluster"


@dataclass(frozen=True)
class SharedVolume:
    """A folder of this machine in a namespace of its own."""

    path: Path
    namespace: str
    claim: str = "shared"


@dataclass(frozen=True)
class ApiServer:
    """A process that a test may kill and start again."""

    pid: int
    start: Path

    async def answers(self) -> bool:
        """Whether it is ready."""
        return kubectl("get", "--raw", "/readyz", check=False).returncode == 0


def own_api_server() -> ApiServer | None:
    """The one that .ci/cluster/up started; None: the cluster is another."""
    pid = STATE / "pids/kube-apiserver"
    if "MXMESH_TEST_KUBECONFIG" in os.environ or not pid.is_file():
        return None
    return ApiServer(int(pid.read_text()), SCRIPTS / "apiserver")


def missing() -> str | None:
    """What keeps tests from using the cluster; None: nothing."""
    if not KUBECONFIG.is_file():
        return "no cluster: `make test-kubernetes` starts one for the tests, .ci/cluster/up one that stays"
    if not KUBECTL:
        return "no kubectl: .ci/cluster/build builds it"
    answer = kubectl("get", "--raw", "/readyz", "--request-timeout=10s", check=False)
    return f"the cluster of {KUBECONFIG} does not answer: {answer.stderr.decode()}" if answer.returncode else None


def kubectl(*arguments: str, namespace: str = "default", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run kubectl."""
    command = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", f"--namespace={namespace}", *arguments]
    return subprocess.run(command, check=check, capture_output=True)


def apply(what: dict[str, object], *command: str) -> None:
    """Create an object."""
    arguments = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", *(command or ("create",)), "-f", "-"]
    subprocess.run(arguments, check=True, capture_output=True, input=json.dumps(what).encode())


def shared_volume(path: Path) -> Iterator[SharedVolume]:
    """A claim on a folder, where the strictest Pod Security is enforced; removed afterwards."""
    path.chmod(0o777)
    name = f"mxmesh-test-{secrets.token_hex(4)}"
    volume = SharedVolume(path, name)
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": name}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": strict}})
    apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {"capacity": size, "accessModes": ["ReadWriteMany"], "hostPath": {"path": str(path)}},
        }
    )
    apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": volume.claim, "namespace": name},
            "spec": {**common, "resources": {"requests": size}},
        }
    )
    yield volume
    kubectl("delete", "namespace", name, "--wait=true")
    kubectl("delete", "persistentvolume", name, "--wait=false")


def as_documented(namespace: str, kubeconfig: Path) -> Path:
    """A kubeconfig of an account that has the rights which the documentation names, and no others."""
    page = (SCRIPTS.parents[1] / "docs/how-to/run-on-kubernetes.md").read_text()
    role = page.split("```yaml\n")[1].split("```")[0].replace("namespace: mxmesh", f"namespace: {namespace}")
    kubectl("create", "serviceaccount", "mxmesh-launcher", namespace=namespace)
    command = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", "create", "-f", "-"]
    subprocess.run(command, check=True, capture_output=True, input=role.encode())
    token = kubectl("create", "token", "mxmesh-launcher", namespace=namespace).stdout.decode()
    whole = json.loads(kubectl("config", "view", "--raw", "--minify", "--output=json").stdout)
    whole["users"] = [{"name": whole["contexts"][0]["context"]["user"], "user": {"token": token}}]
    kubeconfig.write_text(json.dumps(whole))
    return kubeconfig

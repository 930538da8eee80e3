"""Two beamlines on a cluster, as .ci/cluster/mesh installs them."""

import json
import os
import re
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from anyio import to_thread
from sqlalchemy.dialects import postgresql

from cli.demo.record import Images, Recorded, count_images
from cli.world import outside
from shared.messages import CollectionRef
from shared.settings import BrokerSettings
from shared.stomp import StompBus
from shared.topology import SERVICES
from simulator.gda import Session
from tests.charts.chart import CHART, HELM
from tests.launcher.kubernetes.cluster import KUBECONFIG, KUBECTL, SCRIPTS, kubectl

PATIENCE_S = 120
Labelled = dict[str, str]


def install(namespace: str, folder: Path) -> None:
    """Install both, or upgrade them to the chart of this checkout.

    Raises:
        AssertionError: they are not ready in time; the message is helm's.
    """
    command = [str(SCRIPTS / "mesh"), namespace, str(folder)]
    variables = {**os.environ, "KUBECONFIG": str(KUBECONFIG)}
    done = subprocess.run(command, env=variables, capture_output=True, check=False)
    if done.returncode:
        pods = kubectl("describe", "pods", namespace=namespace, check=False).stdout.decode()
        raise AssertionError(f"{done.stderr.decode()}\n{pods}")


def helm(*arguments: str, namespace: str) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    command = [str(HELM), f"--kubeconfig={KUBECONFIG}", f"--namespace={namespace}", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@contextmanager
def forwarded(target: str, port: int, namespace: str) -> Iterator[int]:
    """A port of this machine that leads to a service of the cluster."""
    command = [
        str(KUBECTL),
        f"--kubeconfig={KUBECONFIG}",
        f"--namespace={namespace}",
        "port-forward",
        target,
        f":{port}",
    ]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as forwarding:
        try:
            yield _port_said(forwarding, said.fileno())
        finally:
            forwarding.terminate()


def _port_said(forwarding: subprocess.Popen[bytes], said: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    text = ""
    while time.monotonic() < deadline and forwarding.poll() is None:
        text = os.pread(said, 4096, 0).decode()
        if found := re.search(r"127\.0\.0\.1:(\d+)", text):
            return int(found[1])
        time.sleep(0.05)
    raise TimeoutError(f"kubectl forwards nothing: {text}")


@dataclass(frozen=True)
class Beamline:
    """The release of one beamline.

    Attributes:
        folder: what it and its neighbours keep, by claim.
    """

    name: str
    namespace: str
    folder: Path

    @property
    def session(self) -> Session:
        return Session(self.folder / "visits" / self.name / "cm12345-1", beamline=self.name)

    @property
    def recorded(self) -> Recorded:
        """The database of the writer and the journal of the aggregator, on their volumes."""
        return Recorded(self.file("writer"), self.file("aggregator"))

    def volume(self, service: str) -> Path:
        """The folder behind the claim of a service."""
        return self.folder / f"{self.name}-{service}"

    def file(self, service: str) -> Path:
        """The database of a service that keeps it on its volume."""
        return self.volume(service) / f"{service}.sqlite"

    def images(self, ref: CollectionRef) -> Images:
        """What the record has of a collection: the file of the writer, or PostgreSQL where that has no volume."""
        if self.volume("writer").exists():
            return self.recorded.images(ref)
        literal = {"literal_binds": True}
        query = str(count_images(ref).compile(dialect=postgresql.dialect(), compile_kwargs=literal))
        ask = ("psql", "--host=/tmp", "--username=mxmesh", "--csv", "--tuples-only", f"--command={query}")
        counts = self.kubectl("exec", "deployment/postgresql", "--", *ask).split(",")
        return Images(*map(int, counts))

    def kubectl(self, *arguments: str) -> str:
        return kubectl(*arguments, namespace=self.namespace).stdout.decode()

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return helm(*arguments, namespace=self.namespace)

    def upgrade(self, *sets: str) -> subprocess.CompletedProcess[str]:
        """Change values of the release, and wait until all pods are as they say."""
        changed = [f"--set={each}" for each in sets]
        return self.helm("upgrade", self.name, str(CHART), "--reuse-values", "--wait", "--timeout=5m", *changed)

    @property
    def revision(self) -> int:
        return int(json.loads(self.helm("history", self.name, "--output=json").stdout)[-1]["revision"])

    def pods(self, service: str | None = None, *, leaving: bool = False) -> list[dict]:
        """Those that are not on their way out, or all."""
        wanted = f"component={service}" if service else f"component in ({','.join(SERVICES)})"
        labels = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/{wanted}"
        found = json.loads(self.kubectl("get", "pods", f"--selector={labels}", "--output=json"))["items"]
        return [pod for pod in found if leaving or "deletionTimestamp" not in pod["metadata"]]

    def ready(self, service: str | None = None) -> list[str]:
        """Names of pods that say they are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(service) if is_ready(pod)]

    async def scale(self, workload: str, replicas: int) -> None:
        """Such as deployment/writer; until as many pods are there, ready, and the others gone."""
        await to_thread.run_sync(
            self.kubectl, "scale", workload.replace("/", f"/{self.name}-"), f"--replicas={replicas}"
        )
        service = workload.split("/")[1]

        def scaled() -> bool:
            return len(self.ready(service)) == len(self.pods(service, leaving=True)) == replicas

        await until(scaled, f"{replicas} pods of {service}")

    def kill(self, service: str) -> None:
        """Delete a pod without grace."""
        (pod,) = self.pods(service)
        self.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")

    def jobs(self, ref: CollectionRef) -> list[dict]:
        """Of the runs of a data collection."""
        found = self.kubectl("get", "jobs", f"--selector=mxmesh/collection={ref.id}", "--output=json")
        return list(json.loads(found)["items"])

    @asynccontextmanager
    async def world(self) -> AsyncIterator[StompBus]:
        """A connection of the outside world: the only node is this machine, which reaches services as pods do."""
        secret = json.loads(self.kubectl("get", "secret", "activemq", "--output=json"))["data"]
        login = {key: b64decode(value).decode() for key, value in secret.items()}
        address = self.kubectl("get", "service/i03-activemq", "--output=jsonpath={.spec.clusterIP}")
        reach = {"url": f"stomp://{address}:61613", "prefix": f"{self.name}."}
        async with outside(BrokerSettings.model_validate(reach | login)) as bus:
            yield bus

    def answer(self, path: str) -> httpx.Response:
        """Of the status page, through a forwarded port."""
        with forwarded(f"service/{self.name}-aggregator", 8600, self.namespace) as port:
            return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10).raise_for_status()

    def page(self, path: str) -> dict:
        """JSON of the status page."""
        return dict(self.answer(path).json())

    def handled(self, service: str) -> dict[str, int]:
        """Messages that each pod of a service has settled, as Prometheus would read it."""
        line = rf'mxmesh_messages_handled_total{{.*service="{service}".*}} (\S+)'
        found = re.finditer(line, self.answer("/metrics").text)
        return {re.search(r'instance="([^:"]+)', each[0])[1]: int(float(each[1])) for each in found}

    def collection(self, ref: CollectionRef) -> dict:
        """What the page says of a data collection."""
        return dict(self.page(f"/api/collections/{ref}")["collection"])

    async def images_recorded(self, ref: CollectionRef, n: int) -> Images:
        def whole():
            found = self.images(ref)
            return found if found.n_found + found.n_failed >= n else None

        return await until(whole, f"{n} images of {ref} in the database")

    async def reports(self, ref: CollectionRef, n: int) -> int:
        """How often a result of an image was said, once that was so often or more."""

        def whole():
            found = self.recorded.n_reports(ref)
            return found if found >= n else None

        return await until(whole, f"{n} results of {ref} in the journal")


def is_ready(pod: dict) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


async def until(holds, what: str, patience_s: float = PATIENCE_S):
    """Wait for something to become true; its value."""
    with anyio.move_on_after(patience_s):
        while not (value := await to_thread.run_sync(holds)):
            await anyio.sleep(0.2)
        return value
    raise TimeoutError(f"waited {patience_s} s for {what}")

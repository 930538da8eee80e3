"""The API server: the five requests that runs need, and its faults in the launcher's terms."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from kubernetes_asyncio import client, config

from services.launcher.backends import BackendDownError, BackendError, BackendSilentError
from services.launcher.backends.kubernetes.manifest import Manifest
from services.launcher.backends.kubernetes.reading import ClusterJob, Pod, PodList
from services.launcher.backends.outage import Outage
from services.launcher.kubernetes_settings import KubernetesSettings

PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
LOG_LINES = 50


class _MissingError(BackendError):
    """There is nothing of that name."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One namespace of a cluster. All methods raise BackendDownError or BackendError."""

    settings: KubernetesSettings
    outage: Outage = field(default_factory=Outage)

    async def create(self, job: Manifest) -> None:
        """Create a Job, unless there is one of its name: the same run, submitted before."""
        async with self._client() as api:
            try:
                await client.BatchV1Api(api).create_namespaced_job(
                    self.settings.namespace, job, _request_timeout=self.settings.request_timeout_s
                )
            except client.ApiException as refusal:
                if refusal.status != HTTPStatus.CONFLICT:
                    raise

    async def job(self, name: str) -> ClusterJob | None:
        """A Job; None: there is none."""
        try:
            async with self._client() as api:
                found = await client.BatchV1Api(api).read_namespaced_job(
                    name, self.settings.namespace, _request_timeout=self.settings.request_timeout_s
                )
                return ClusterJob.model_validate(api.sanitize_for_serialization(found))
        except _MissingError:
            return None

    async def pods(self, name: str) -> tuple[Pod, ...]:
        """The pods of a Job, oldest first; also those that outlive it for a moment."""
        async with self._client() as api:
            found = await client.CoreV1Api(api).list_namespaced_pod(
                self.settings.namespace,
                label_selector=f"batch.kubernetes.io/job-name={name}",
                _request_timeout=self.settings.request_timeout_s,
            )
            found.items.sort(key=lambda pod: pod.metadata.creation_timestamp)
            return PodList.model_validate(api.sanitize_for_serialization(found)).items

    async def log(self, pod: Pod) -> str:
        """The last lines that a pod's container wrote; empty: it has not begun, or its log is gone."""
        try:
            async with self._client() as api:
                return str(
                    await client.CoreV1Api(api).read_namespaced_pod_log(
                        pod.metadata.name,
                        self.settings.namespace,
                        tail_lines=LOG_LINES,
                        _request_timeout=self.settings.request_timeout_s,
                    )
                )
        except BackendDownError:
            raise
        except BackendError:  # a container that waits for its image has no log: 400
            return ""

    async def delete(self, name: str) -> None:
        """Delete a Job, then its pods, each with its grace; nothing if there is none."""
        try:
            async with self._client() as api:
                await client.BatchV1Api(api).delete_namespaced_job(
                    name,
                    self.settings.namespace,
                    propagation_policy="Background",  # without it the pods would go on
                    _request_timeout=self.settings.request_timeout_s,
                )
        except _MissingError:
            return

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[client.ApiClient]:
        """Read anew each time, since tokens expire; requests are rare (see backend)."""
        with self.outage.noticed():
            try:
                async with client.ApiClient(await self._configuration()) as api:
                    yield api
            except (aiohttp.ClientError, TimeoutError) as fault:
                raise BackendSilentError(f"the API server of Kubernetes does not answer: {fault!r}") from fault
            except client.ApiException as refusal:
                raise _fault(refusal) from refusal

    async def _configuration(self) -> client.Configuration:
        chosen = client.Configuration()
        try:
            if self.settings.kubeconfig is None:
                config.load_incluster_config(client_configuration=chosen)
            else:
                await config.load_kube_config(
                    str(self.settings.kubeconfig), self.settings.context, client_configuration=chosen
                )
        except (config.ConfigException, OSError) as fault:
            raise BackendError(f"no way to Kubernetes: {fault}; set kubernetes.kubeconfig") from fault
        return chosen


def _fault(refusal: client.ApiException) -> BackendError:
    words = _message(refusal)
    if refusal.status == HTTPStatus.NOT_FOUND:
        return _MissingError(words)
    if refusal.status in PASSING or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR or "exceeded quota" in words:
        return BackendDownError(f"Kubernetes cannot do it now: {words}")
    return BackendError(f"Kubernetes refused ({refusal.status}): {words}")


def _message(refusal: client.ApiException) -> str:
    """The API server explains itself in JSON, a proxy before it does not."""
    try:
        return str(json.loads(refusal.body or b"")["message"])
    except (TypeError, ValueError, KeyError):
        return str(refusal.reason)

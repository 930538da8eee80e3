"""The Job of a run, as Kubernetes wants to have it."""

import hashlib
import math
import re
from typing import Any

from services.launcher.kubernetes_settings import KubernetesSettings, Volume
from services.launcher.runs import Job

CONTAINER = "run"
RUN_ANNOTATION = "mxmesh/run-id"
LONGEST_NAME = 63  # of a DNS label, and of a label's value
KILL_MARGIN_S = 10.0  # after the program's own grace: for the wrapper to write the end
Manifest = dict[str, Any]


def job_name(run_id: str) -> str:
    """The same for the same run, so that a Job cannot be created twice; a hash tells apart what had to be changed."""
    return _shortened("mxmesh-" + re.sub(r"[^a-z0-9]+", "-", run_id.lower()).strip("-"), f"mxmesh-{run_id}")


def label(value: str) -> str:
    """A text as the value of a label."""
    return _shortened(re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("._-"), value)


def _shortened(allowed: str, wanted: str) -> str:
    if allowed == wanted and len(allowed) <= LONGEST_NAME:
        return allowed
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:8]
    return f"{allowed[: LONGEST_NAME - 9].rstrip('._-')}-{digest}".lstrip("-")


def manifest(job: Job, command: tuple[str, ...], settings: KubernetesSettings) -> Manifest:
    """The Job that runs a command once.

    A lost node does not count as a failure: what had not begun begins elsewhere, and a second wrapper leaves a run
    that had begun alone. Any other failure is final.
    """
    collection = job.ref.collection
    labels = {
        "app.kubernetes.io/name": "mxmesh-run",
        "app.kubernetes.io/managed-by": "mxmesh-launcher",
        "mxmesh/beamline": label(collection.beamline),
        "mxmesh/collection": label(str(collection.id)),
        "mxmesh/run": label(job.run_id),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(job.run_id),
            "namespace": settings.namespace,
            "labels": labels,
            "annotations": {RUN_ANNOTATION: job.run_id},
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": math.ceil(job.time_limit_s + settings.waiting_limit_s),
            "ttlSecondsAfterFinished": settings.keep_s,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _failure_policy(),
            "template": {"metadata": {"labels": labels}, "spec": _pod(job, command, settings)},
        },
    }


def _failure_policy() -> Manifest:
    failed = {"containerName": CONTAINER, "operator": "NotIn", "values": [0]}
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": failed},
        ]
    }


def _pod(job: Job, command: tuple[str, ...], settings: KubernetesSettings) -> Manifest:
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": math.ceil(job.grace_s + KILL_MARGIN_S),
        "securityContext": _pod_security(settings),
        "nodeSelector": settings.node_selector,
        "tolerations": [toleration.model_dump(exclude_none=True) for toleration in settings.tolerations],
        "priorityClassName": settings.priority_class,
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "containers": [_container(job, command, settings)],
        "volumes": [_volume(number, volume) for number, volume in enumerate(settings.volumes)],
    }
    return _without_blanks(pod)


def _pod_security(settings: KubernetesSettings) -> Manifest:
    return _without_blanks(
        {
            "runAsNonRoot": True,
            "runAsUser": settings.run_as_user,
            "runAsGroup": settings.run_as_group,
            "fsGroup": settings.fs_group,
            # a visit has many files: changing the group of each at every mount would take longer than the run
            "fsGroupChangePolicy": "OnRootMismatch" if settings.fs_group else None,
            "supplementalGroups": list(settings.supplemental_groups),
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    )


def _container(job: Job, command: tuple[str, ...], settings: KubernetesSettings) -> Manifest:
    memory = {"memory": f"{math.ceil(job.memory_gb * 1000)}M"} if job.memory_gb else {}
    return {
        "name": CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(command),
        "workingDir": str(job.directory),
        "resources": {"requests": {"cpu": settings.cpu, **memory}, "limits": memory},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [_mount(number, volume) for number, volume in enumerate(settings.volumes)],
    }


def _volume(number: int, volume: Volume) -> Manifest:
    if volume.claim is not None:
        return {"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": volume.claim}}
    return {"name": f"volume-{number}", "hostPath": {"path": str(volume.host_path), "type": "Directory"}}


def _mount(number: int, volume: Volume) -> Manifest:
    mount = {"name": f"volume-{number}", "mountPath": str(volume.path), "subPath": volume.sub_path}
    return _without_blanks({**mount, "readOnly": volume.read_only})


def _without_blanks(fields: Manifest) -> Manifest:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}

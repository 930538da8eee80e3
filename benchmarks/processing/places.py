"""Where runs may happen: each place is there while its context lasts, and gives the launcher's settings for it."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.slurm_cluster import running_slurm

SOMEBODY = 1000  # pods never run as root
LauncherSettings = dict[str, Any]


class Place(NamedTuple):
    """One backend of the launcher.

    Attributes:
        missing: what is not there, and what to do; None: nothing.
        opened: takes a folder that runs see at the same path, and an image with DIALS.
    """

    missing: Callable[[], str | None]
    opened: Callable[[Path, str], AbstractContextManager[LauncherSettings]]


@contextmanager
def local(_shared: Path, _image: str) -> Iterator[LauncherSettings]:
    """Processes of this machine."""
    yield {}


@contextmanager
def slurm(_shared: Path, _image: str, scheduler: str = "") -> Iterator[LauncherSettings]:
    """Jobs of a Slurm that is started for it."""
    with running_slurm(scheduler) as cluster:
        chosen = cluster.settings(request_timeout_s=10)
        yield {"backend": "slurm", "slurm": chosen.model_dump(mode="json", exclude_unset=True)}


@contextmanager
def kubernetes(shared: Path, image: str) -> Iterator[LauncherSettings]:
    """Jobs in a new namespace of the cluster that $KUBECONFIG names; its node has to be this machine."""
    namespace = f"mxmesh-benchmark-{secrets.token_hex(4)}"
    _kubectl("create", "namespace", namespace)
    try:
        with _folders_for_others():
            yield {
                "backend": "kubernetes",
                "python": "/usr/bin/python3",
                "hdf5_plugins": "/opt/hdf5-plugins",
                "memory_gb": {"dials": 4},
                "environment": {"HOME": "/tmp", "PATH": "/usr/bin:/bin"},  # noqa: S108 - the container's own
                "kubernetes": {"kubeconfig": os.environ["KUBECONFIG"], "namespace": namespace, **_pod(shared, image)},
            }
    finally:
        _kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def _folders_for_others() -> Iterator[None]:
    """What root creates meanwhile, and processes that it starts, lets the pods' user write."""
    before = os.umask(0) if os.getuid() == 0 else None
    try:
        yield
    finally:
        if before is not None:
            os.umask(before)


def _pod(shared: Path, image: str) -> LauncherSettings:
    """It asks for little CPU, so that a node of any size takes it, and may use all."""
    return {
        "image": image,
        "cpu": "100m",
        "volumes": [{"path": str(shared), "host_path": str(shared)}],
        "run_as_user": os.getuid() or SOMEBODY,
        "run_as_group": os.getgid() or SOMEBODY,
    }


def _kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.DEVNULL)


def _missing_slurm() -> str | None:
    path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"
    missing = [name for name in ("munged", "slurmctld", "slurmd", "slurmrestd") if not shutil.which(name, path=path)]
    return f"no {', '.join(missing)}; `.ci/install dev` installs Slurm" if missing else None


def _missing_cluster() -> str | None:
    if os.environ.get("KUBECONFIG"):
        return None
    return "$KUBECONFIG is not set; `.ci/cluster/build` and `.ci/cluster/up` start a cluster"


PLACES = {
    "local": Place(lambda: None, local),
    "slurm": Place(_missing_slurm, slurm),
    "kubernetes": Place(_missing_cluster, kubernetes),
}

"""The place where this launcher's runs happen, as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.launcher.backends import Backend
from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.backends.slurm.backend import SlurmBackend
from services.launcher.backends.slurm.client import connect
from services.launcher.settings import Settings


@asynccontextmanager
async def chosen_backend(settings: Settings) -> AsyncIterator[Backend]:
    """Ready to be asked; its connections end with the context."""
    index = RunIndex(settings.state_directory.absolute())
    if settings.backend == "slurm":
        async with connect(settings.slurm) as slurm:
            yield SlurmBackend(index, settings.python, slurm)
    elif settings.backend == "kubernetes":
        yield _kubernetes(index, settings)
    else:
        yield LocalBackend(index, settings.python)


def _kubernetes(index: RunIndex, settings: Settings) -> Backend:
    """Its client is read only here: it would more than double the start and the memory of a launcher without it."""
    from services.launcher.backends.kubernetes.backend import KubernetesBackend  # noqa: PLC0415
    from services.launcher.backends.kubernetes.cluster import Cluster  # noqa: PLC0415

    return KubernetesBackend(index, settings.python, Cluster(settings.kubernetes))

"""What tests do with runs on a real Slurm."""

import json
import os
import time
from contextlib import asynccontextmanager

from services.launcher.backends import BackendDownError
from services.launcher.backends.choice import chosen_backend
from services.launcher.backends.slurm.backend import SUBMITTED
from shared.messages import RunState
from tests.launcher.builders import settings, step, until

LIMIT_S = 60
GATED = step("gated", "while [ ! -e go ]; do sleep 0.05; done; echo 1 > done.txt")


@asynccontextmanager
async def backend_on(tmp_path, cluster, **changes):
    """As the service makes it."""
    chosen = settings(tmp_path, backend="slurm", slurm=cluster.settings(**changes))
    async with chosen_backend(chosen) as backend:
        yield backend


async def end(backend, run, limit_s=LIMIT_S):
    """How the run ended."""

    async def ended():
        status = await backend.status(run)
        return status.ending if status else None

    return await until(ended, limit_s)


async def claimed(backend, run):
    """Wait until the wrapper runs."""

    async def is_running():
        return (await backend.status(run)).state is RunState.RUNNING

    await until(is_running, LIMIT_S)


def job_id(run):
    return str(json.loads((run.directory / SUBMITTED).read_text())["job_id"])


async def submitted(backend, run):
    """Submit as the handler does: again and again while the place is down."""

    async def accepted():
        try:
            await backend.submit(run)
        except BackendDownError:
            return False
        return True

    await until(accepted, LIMIT_S)


def make_silent(run):
    """As if the wrapper had last been heard of a minute ago."""
    long_ago = time.time() - 60
    os.utime(run.directory / "wrapper.json", (long_ago, long_ago))


def drained(cluster):
    """While this lasts, nothing starts."""
    return Drained(cluster)


class Drained:
    def __init__(self, cluster):
        self._cluster = cluster

    def __enter__(self):
        self._set("DRAIN", "Reason=test")

    def __exit__(self, *_exception):
        self._set("UNDRAIN")

    def _set(self, state, *more):
        self._cluster.run("scontrol", "update", f"NodeName={self._cluster.host}", f"State={state}", *more)


async def no_jobs(cluster, run):
    """Wait until Slurm has nothing of a run that waits or runs."""

    async def gone():
        return not cluster.run("squeue", "-h", "-n", run.run_id)

    await until(gone, LIMIT_S)


async def job_is(cluster, number, state):
    async def reached():
        return cluster.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", number).strip() == state

    await until(reached, LIMIT_S)

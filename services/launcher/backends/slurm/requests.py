"""What slurmrestd is asked, in the words of each of its versions. Pure."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from services.launcher.backends.scripts import wrapper_of
from services.launcher.runs import Job
from services.launcher.slurm_settings import SlurmSettings

KNOWN = tuple(f"v0.0.{number}" for number in range(38, 45))
FIRST_WITH_LISTS = FIRST_WITH_STRUCTS = 39
LOG = "slurm.log"
NO_DIRECTORY = 97

Body = dict[str, object]


def served_versions(specification: str) -> tuple[str, ...]:
    """The versions of the job interface that an OpenAPI document describes, lowest first."""
    found = set(re.findall(r"/slurm/(v0\.0\.\d+)/", specification.replace("\\/", "/")))
    return tuple(sorted(found, key=number_of))


def common_version(specification: str) -> str | None:
    """The highest version that both sides know."""
    return next((version for version in reversed(served_versions(specification)) if version in KNOWN), None)


def number_of(version: str) -> int:
    """38 of v0.0.38."""
    return int(version.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version writes values."""

    number: int

    def integer(self, value: int) -> object:
        """A number that may also be unset or infinite."""
        if self.number < FIRST_WITH_STRUCTS:
            return value
        return {"set": True, "infinite": False, "number": value}

    @property
    def once(self) -> Body:
        """Never put back into the queue: a second wrapper would find the first one's claim, and do nothing.

        v0.0.38 takes ``requeue`` as well, and requeues all the same.
        """
        return {"no_requeue": True} if self.number < FIRST_WITH_STRUCTS else {"requeue": False}

    def variables(self, environment: Mapping[str, str]) -> object:
        """Environment variables; Slurm refuses a job that has none."""
        environment = environment or {"PATH": "/usr/bin:/bin"}
        if self.number < FIRST_WITH_LISTS:
            return dict(environment)
        return [f"{name}={value}" for name, value in environment.items()]


def submission(job: Job, python: Path, settings: SlurmSettings, version: str) -> Body:
    """Body of ``POST job/submit``; the job's name is the run's, by which a lost reply is found again."""
    dialect = Dialect(number_of(version))
    log = str(job.directory / LOG)
    optional = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "nice": settings.nice or None,
        "memory_per_node": job.memory_gb and dialect.integer(mebibytes(job.memory_gb)),
        "priority": settings.priority and dialect.integer(settings.priority),
    }
    asked = {
        "name": job.run_id,
        "current_working_directory": str(job.directory),
        "standard_output": log,
        "standard_error": log,
        "environment": dialect.variables(job.environment),
        "tasks": 1,
        "cpus_per_task": settings.cpus,
        "time_limit": dialect.integer(minutes(job.time_limit_s, settings.margin_min)),
        **dialect.once,
        **{name: value for name, value in optional.items() if value is not None},
    }
    return {"script": script(job, python), "job": asked}


def minutes(limit_s: float, margin_min: int) -> int:
    """Slurm's time limit [min]: it comes into force up to half a minute late, and only if the wrapper's did not."""
    return ceil(limit_s / 60) + margin_min


def mebibytes(memory_gb: float) -> int:
    """A memory limit as Slurm counts it: its MB are MiB."""
    return ceil(memory_gb * 1e9 / 2**20)


def script(job: Job, python: Path) -> str:
    """Without the ``cd`` Slurm runs a job whose directory is missing in /tmp, and calls it completed."""
    directory = shlex.quote(str(job.directory))
    wrapper = shlex.quote(str(wrapper_of(job.directory)))
    run = f"exec {shlex.quote(str(python))} {wrapper} {directory}"
    return f"#!/bin/sh\ncd -- {directory} || exit {NO_DIRECTORY}\n{run}\n"

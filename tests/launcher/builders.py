"""Requests, jobs and stand-in pipelines with good defaults: programs that are a line of shell, and leave files."""

import sys
from pathlib import Path

import anyio

from services.launcher.parameters import Number
from services.launcher.pipelines import Pipeline, StepPlan
from services.launcher.plan import plan_job
from services.launcher.settings import Settings
from shared.messages import Collection, ProcessCollection, Rotation

PYTHON = Path(sys.executable)
LIMIT_S = 20


def step(name, shell, outputs=("done.txt",), **rules):
    """A program that is a line of shell."""
    return StepPlan(name=name, argv=("/bin/sh", "-c", shell), outputs=outputs, **rules)


FIRST = step("first", "echo 1 > first.txt", ("first.txt",))
SECOND = step("second", "echo 2 > second.txt", ("second.txt",))
SLOW = step("slow", "sleep 60 && echo 3 > slow.txt", ("slow.txt",))


def pipeline(*steps, name="stand-in", **changes):
    """A row of the table; its steps are given."""
    row = {
        "name": name,
        "family": "dials",
        "programs": ("sh",),
        "modules": ("json",),
        "remedy": "install a shell",
        "parameters": (Number("d_min", "high resolution limit", 0.5, 20, "Å"),),
        "time_limit_s": LIMIT_S,
        "memory_gb": 0.2,
        "mb_per_image": 0.0,
        "steps": lambda _work: steps or (FIRST, SECOND),
    }
    return Pipeline(**{**row, **changes})


def table(*steps, **changes):
    """A table of one row."""
    row = pipeline(*steps, **changes)
    return {row.name: row}


def request(visit, pipeline="stand-in", attempt=1, parameters=None, **changes):
    """Process the rotation of a visit."""
    collection = {
        "beamline": "i03",
        "visit": "cm12345-1",
        "dcid": 2001,
        "experiment": "rotation",
        "visit_directory": str(visit),
        "folder": "lysozyme",
        "prefix": "xtal1",
        "run_number": 1,
        "number_of_images": 40,
        "exposure_s": 0.1,
        "rotation": Rotation(width_deg=0.5),
    }
    asked = Collection(**{**collection, **changes})
    return ProcessCollection(collection=asked, pipeline=pipeline, parameters=parameters or {}, attempt=attempt)


def settings(visit, time_limit_s=None, memory_gb=None, **changes):
    """Quick, and wholly below the visit; limits also of rows that only a test's table has."""
    quick = {"state_directory": visit / "state", "python": PYTHON, "poll_s": 0.02, "grace_s": 0.5, "niceness": 0}
    limits = {"time_limit_s": time_limit_s or {}, "memory_gb": memory_gb or {}}
    return Settings(**{**quick, "least_free_gb": 0, **changes}).model_copy(update=limits)


def job(visit, *steps, attempt=1, **changes):
    """A planned run of the given steps."""
    return plan_job(
        request(visit, attempt=attempt), settings(visit, **changes), table(*steps), {"PATH": "/usr/bin:/bin"}
    )


async def until(condition, limit_s=LIMIT_S):
    """Wait until an (async) condition gives something true; that is returned."""
    with anyio.fail_after(limit_s):
        while not (result := await condition()):
            await anyio.sleep(0.02)
    return result

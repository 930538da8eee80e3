"""`mxmesh explain`: what would run for a collection, and why; nothing is run."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from cli.collections import KnownCollections, UnknownCollectionError
from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh, settings_file
from cli.options import PipelineOption, SetOption, read_parameters
from services.launcher.pipelines import TABLE
from services.launcher.pipelines.rules import Decision, Outcome, decide
from services.launcher.plan import RefusedRunError, plan_job
from services.launcher.runs import Job
from services.launcher.settings import Settings
from shared.messages import Collection, ProcessCollection

FAULTS = (NoMeshError, UnknownCollectionError, OSError, ValueError)


@dataclass(frozen=True)
class Explanation:
    """One pipeline: why it runs, where, and the job; or why it would be refused."""

    decision: Decision
    backend: str
    job: Job | None
    refusal: str = ""

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        outcome, job = self.decision.outcome, self.job
        return {
            "pipeline": outcome.pipeline,
            "urgency": outcome.urgency,
            "why": self.decision.why,
            "refusal": self.refusal or None,
            "run_id": job and job.run_id,
            "directory": job and str(job.directory),
            "backend": self.backend,
            "time_limit_s": job and job.time_limit_s,
            "memory_gb": job and job.memory_gb,
            "free_gb": job and job.free_gb,
            "steps": [{"name": step.name, "argv": step.argv} for step in job.steps] if job else [],
        }


def explain(
    what: Annotated[str, typer.Argument(help="A collection id of the mesh, or a JSON file with an announcement.")],
    pipeline: PipelineOption = None,
    change: SetOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say which pipelines would run for a collection, why, where, within which limits, and with which command lines.

    Nothing is run.

    Examples:

        mxmesh explain 4711

        mxmesh explain docs/messages/example-rotation.json --pipeline xia2-dials --set d_min=1.8
    """
    with explained(*FAULTS):
        asked = ProcessCollection(
            collection=_collection(what, home), pipeline=pipeline or "", parameters=read_parameters(change)
        )
        found = explanations(asked, launcher_settings(home))
    if as_json:
        print_json([each.as_json() for each in found])
    elif not found:
        out.print("no rule is for this collection: nothing would run")
    for each in () if as_json else found:
        _show(each)


def explanations(request: ProcessCollection, settings: Settings) -> list[Explanation]:
    """What the launcher would do with a request."""
    if request.pipeline:
        decisions: tuple[Decision, ...] = (Decision(outcome=Outcome(pipeline=request.pipeline), why="asked for"),)
    else:
        decisions = decide(request, settings.rules)
    return [_explain(request, decision, settings) for decision in decisions]


def _explain(request: ProcessCollection, decision: Decision, settings: Settings) -> Explanation:
    outcome = decision.outcome
    parameters = {**outcome.parameters, **request.parameters}
    named = request.model_copy(
        update={"pipeline": outcome.pipeline, "parameters": parameters, "urgency": outcome.urgency}
    )
    try:
        return Explanation(decision, settings.backend, plan_job(named, settings, TABLE, os.environ))
    except RefusedRunError as refusal:
        return Explanation(decision, settings.backend, None, str(refusal))


def _collection(what: str, home: Path) -> Collection:
    """From the record, or from a file as GDA would announce it.

    Raises:
        ValueError: the file does not describe a collection.
    """
    if what.isdecimal():
        return KnownCollections(RunningMesh.find(home).database).one(int(what))
    try:
        return Collection.model_validate(orjson.loads(Path(what).read_bytes()))
    except (orjson.JSONDecodeError, ValidationError) as fault:
        raise ValueError(f"{what} does not announce a collection: {fault}") from fault


def launcher_settings(home: Path) -> Settings:
    """Those of the running mesh's launcher, else the ones of this environment."""
    if (file := settings_file(home, "launcher")).exists():
        os.environ.setdefault("MXMESH_SETTINGS", str(file))
    return Settings.load()


def _show(each: Explanation) -> None:
    outcome = each.decision.outcome
    out.rule(f"[bold]{outcome.pipeline}[/], {outcome.urgency}: {each.decision.why}")
    if each.job is None:
        out.print(f"[bold red]would be refused:[/] {each.refusal}", highlight=False)
        return
    out.print(f"run        {each.job.run_id}", highlight=False)
    out.print(f"directory  {each.job.directory}", highlight=False, soft_wrap=True)
    out.print(f"backend    {each.backend}", highlight=False)
    out.print(f"time limit {each.job.time_limit_s:g} s", highlight=False)
    out.print(f"memory     {each.job.memory_gb:g} GB", highlight=False)
    out.print(f"free space {each.job.free_gb:.2f} GB, else it waits", highlight=False)
    for step in each.job.steps:
        out.print(f"[bold]{step.name}[/]\n  {shlex.join(step.argv)}", highlight=False, soft_wrap=True, markup=True)

"""From a request to a job: which pipeline, which directory, which command lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from services.launcher.environment import program_environment
from services.launcher.parameters import ParameterError, Value, read_parameters
from services.launcher.pipelines import (
    Pipeline,
    StepPlan,
    Sweep,
    UnknownPipelineError,
    UnsuitableWorkError,
    Work,
    pipeline_named,
)
from services.launcher.pipelines.rules import known_parameters
from services.launcher.runs import Job, job_steps
from services.launcher.settings import Settings
from shared.messages import PipelineFamily, ProcessCollection, now

Table = Mapping[str, Pipeline]
FAMILIES: tuple[PipelineFamily, ...] = get_args(PipelineFamily)


class RefusedRunError(Exception):
    """A request that no waiting can mend; the text says what to do."""


def pipeline_of(request: ProcessCollection, table: Table) -> Pipeline:
    """The table's row.

    Raises:
        RefusedRunError: there is none of that name.
    """
    try:
        return pipeline_named(request.pipeline, table)
    except UnknownPipelineError as unknown:
        raise RefusedRunError(str(unknown)) from unknown


def family_of(request: ProcessCollection, table: Table) -> PipelineFamily:
    """Where the result goes, also that of a pipeline which does not exist."""
    if request.pipeline in table:
        return table[request.pipeline].family
    return next((family for family in FAMILIES[1:] if family.lower() in request.pipeline.lower()), FAMILIES[0])


def run_directory(request: ProcessCollection, settings: Settings) -> Path:
    """Where the run works: ``<visit>/processed/<folder>/<prefix>_<run number>/<pipeline>/<run id>``.

    Raises:
        RefusedRunError: a visit or its images are outside the data roots, or the folder leads out of its visit.
    """
    collection = request.collection
    visit = Path(collection.visit_directory)
    root = settings.processing_root
    base = root / collection.beamline / collection.visit if root else visit / "processed"
    series = f"{collection.prefix}_{collection.run_number}"
    try:
        for sweep in (collection, *request.others):
            for path in (sweep.visit_directory, sweep.master_path):
                _within_roots(Path(path), settings.data_roots)
        return _below(base, base / collection.folder / series / request.pipeline / request.run_id)
    except (OSError, RuntimeError, ValueError) as fault:  # a loop of links, a name too long, a null byte
        raise RefusedRunError(f"{visit} cannot be resolved: {fault}; announce a path that can") from fault


def _below(base: Path, directory: Path) -> Path:
    if not directory.resolve().is_relative_to(base.resolve()):
        raise RefusedRunError(f"{directory} leads out of {base}; announce folder and prefix relative to the visit")
    return directory


def _within_roots(path: Path, roots: tuple[Path, ...]) -> None:
    if roots and not any(path.resolve().is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise RefusedRunError(f"{path} is outside the launcher's data_roots ({allowed}); add its root there")


def plan_job(
    request: ProcessCollection,
    settings: Settings,
    table: Table,
    own_environment: Mapping[str, str],
    traceparent: str | None = None,
) -> Job:
    """All that a backend needs to run what was asked for.

    Raises:
        RefusedRunError: unknown pipeline, refused parameter, work that its program cannot do, or a directory outside
            its bounds.
    """
    pipeline = pipeline_of(request, table)
    try:
        parameters = read_parameters(pipeline.parameters, _asked(request, pipeline, settings))
    except ParameterError as refusal:
        raise RefusedRunError(f"{pipeline.name}: {refusal}") from refusal
    work = Work(
        master_file=str(request.collection.master_path),
        n_images=request.collection.number_of_images,
        n_processes=settings.processes,
        python=str(settings.python),
        image_deadline_s=settings.image_deadline_s,
        parameters=parameters,
        images=request.images,
        others=tuple(Sweep(str(other.master_path), other.number_of_images) for other in request.others),
    )
    return Job(
        request=request,
        family=pipeline.family,
        directory=run_directory(request, settings).absolute(),
        steps=job_steps(_steps(pipeline, work)),
        time_limit_s=settings.time_limit_of_s(pipeline),
        grace_s=settings.grace_s,
        niceness=settings.niceness,
        memory_gb=settings.memory_of_gb(pipeline),
        free_gb=settings.least_free_gb + pipeline.disk_gb(work),
        environment=program_environment(own_environment, settings.hdf5_plugins, settings.environment),
        traceparent=traceparent,
        submitted_at=now(),
    )


def _asked(request: ProcessCollection, pipeline: Pipeline, settings: Settings) -> dict[str, Value]:
    """The request wins over what is announced of the crystal, and that over the settings.

    An announced cell is left out where the program takes none without its space group, which was not announced.
    """
    known = known_parameters(request, [parameter.name for parameter in pipeline.parameters])
    asked = {**settings.parameters.get(pipeline.name, {}), **known, **request.parameters}
    if not pipeline.cell_alone and "space_group" not in asked and "unit_cell" not in request.parameters:
        asked.pop("unit_cell", None)
    return asked


def _steps(pipeline: Pipeline, work: Work) -> tuple[StepPlan, ...]:
    try:
        return pipeline.plan(work)
    except UnsuitableWorkError as unsuitable:
        raise RefusedRunError(str(unsuitable)) from unsuitable

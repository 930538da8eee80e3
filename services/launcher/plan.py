"""From a request to a job: which pipeline, which directory, which command lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from services.launcher.environment import program_environment
from services.launcher.parameters import ParameterError, read_parameters
from services.launcher.pipelines import Pipeline, Work
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
        return table[request.pipeline]
    except KeyError:
        raise RefusedRunError(f"there is no pipeline {request.pipeline!r}; there are {', '.join(table)}") from None


def family_of(request: ProcessCollection, table: Table) -> PipelineFamily:
    """Where the result goes, also that of a pipeline which does not exist."""
    if request.pipeline in table:
        return table[request.pipeline].family
    return next((family for family in FAMILIES[1:] if family.lower() in request.pipeline.lower()), FAMILIES[0])


def run_directory(request: ProcessCollection, settings: Settings) -> Path:
    """Where the run works: ``<visit>/processed/<folder>/<prefix>_<run number>/<pipeline>/<run id>``.

    Raises:
        RefusedRunError: the visit is outside the data roots, or the folder leads out of it.
    """
    collection = request.collection
    visit = Path(collection.visit_directory)
    root = settings.processing_root
    base = root / collection.beamline / collection.visit if root else visit / "processed"
    series = f"{collection.prefix}_{collection.run_number}"
    try:
        _within_roots(visit, settings.data_roots)
        return _below(base, base / collection.folder / series / request.pipeline / request.run_id)
    except (OSError, RuntimeError, ValueError) as fault:  # a loop of links, a name too long, a null byte
        raise RefusedRunError(f"{visit} cannot be resolved: {fault}; announce a path that can") from fault


def _below(base: Path, directory: Path) -> Path:
    if not directory.resolve().is_relative_to(base.resolve()):
        raise RefusedRunError(f"{directory} leads out of {base}; announce folder and prefix relative to the visit")
    return directory


def _within_roots(visit: Path, roots: tuple[Path, ...]) -> None:
    if roots and not any(visit.resolve().is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise RefusedRunError(f"{visit} is outside the launcher's data_roots ({allowed}); add its root there")


def plan_job(
    request: ProcessCollection,
    settings: Settings,
    table: Table,
    own_environment: Mapping[str, str],
    traceparent: str | None = None,
) -> Job:
    """All that a backend needs to run what was asked for.

    Raises:
        RefusedRunError: unknown pipeline, refused parameter, or a directory outside its bounds.
    """
    pipeline = pipeline_of(request, table)
    try:
        known = known_parameters(request, [parameter.name for parameter in pipeline.parameters])
        asked = {**settings.parameters.get(pipeline.name, {}), **known, **request.parameters}
        parameters = read_parameters(pipeline.parameters, asked)
    except ParameterError as refusal:
        raise RefusedRunError(f"{pipeline.name}: {refusal}") from refusal
    _check_data(request, pipeline)
    work = Work(
        master_file=str(request.collection.master_path),
        n_images=request.collection.number_of_images,
        n_processes=settings.processes,
        python=str(settings.python),
        image_deadline_s=settings.image_deadline_s,
        parameters=parameters,
        images=request.images,
        others=tuple(str(other.master_path) for other in request.others),
    )
    return Job(
        request=request,
        family=pipeline.family,
        directory=run_directory(request, settings).absolute(),
        steps=job_steps(pipeline.steps(work)),
        time_limit_s=settings.time_limit_s.get(pipeline.name, pipeline.time_limit_s),
        grace_s=settings.grace_s,
        niceness=settings.niceness,
        environment=program_environment(own_environment, settings.hdf5_plugins, settings.environment),
        traceparent=traceparent,
        submitted_at=now(),
    )


def _check_data(request: ProcessCollection, pipeline: Pipeline) -> None:
    """Refuse what the pipeline cannot read, and images that there are not."""
    n_images, images = request.collection.number_of_images, request.images
    if images and not 1 <= images[0] <= images[1] <= n_images:
        raise RefusedRunError(f"images {images[0]}-{images[1]} are not among 1-{n_images} of {request.collection.ref}")
    if request.others and not pipeline.multi_sweep:
        raise RefusedRunError(f"{pipeline.name} processes one sweep at a time; ask for dials or xia2-dials")
    for sweep in (request.collection, *request.others):
        if "#" in sweep.master_path.name:
            raise RefusedRunError(f"{sweep.master_path} names images by a template; pipelines need an NXmx master file")

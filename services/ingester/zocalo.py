"""Zocalo's processing requests in the mesh's words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.messages import Collection, Parameters, ProcessCollection, RunRecipes

PARAMETERS = {
    "spacegroup": "space_group",
    "resolution.d_min": "d_min",
    "resolution.cc_half": "cc_half",
    "resolution.misigma": "misigma",
}
"""Names of ISPyB's processing parameters that the mesh's pipelines call otherwise."""


class UnusableRequestError(Exception):
    """A request that cannot become one of ours; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Images of one collection, counted from 1, both included."""

    collection_id: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ProcessingJob:
    """What ISPyB has of a processing job.

    Attributes:
        id: ISPyB's processingJobId; None: asked for without one.
    """

    id: int | None
    collection_id: int
    recipe: str
    parameters: tuple[tuple[str, str], ...] = ()
    sweeps: tuple[Sweep, ...] = ()

    @property
    def collection_ids(self) -> tuple[int, ...]:
        """Every collection that it needs, its own first."""
        return tuple(dict.fromkeys((self.collection_id, *(sweep.collection_id for sweep in self.sweeps))))


def jobs_of(asked: RunRecipes) -> tuple[ProcessingJob, ...]:
    """A request that names recipes and a collection: one job for each recipe.

    Raises:
        UnusableRequestError: either is missing.
    """
    if not asked.recipes or asked.parameters.ispyb_dcid is None:
        raise UnusableRequestError("it names nothing to run: send recipes with ispyb_dcid, or ispyb_process alone")
    return tuple(ProcessingJob(None, asked.parameters.ispyb_dcid, recipe) for recipe in asked.recipes)


def request_of(
    job: ProcessingJob, recipes: Mapping[str, str], collections: Mapping[int, Collection]
) -> ProcessCollection:
    """What a processing job asks for; its number is the attempt, so that every job has a run of its own.

    Args:
        job: what ISPyB says, or the request itself.
        recipes: pipeline by a part of the recipe's name, such as fast-dp.
        collections: those that the job needs, by id.

    Raises:
        UnusableRequestError: the recipe stands for no pipeline, a parameter stands there twice, or collection and
            images are such as we cannot process.
    """
    own, others = _sweeps(job)
    return ProcessCollection(
        collection=_rotation(collections[job.collection_id]),
        pipeline=_pipeline(job.recipe, recipes),
        images=_part(own, collections[job.collection_id]),
        others=tuple(_whole(sweep, collections[sweep.collection_id]) for sweep in others),
        parameters=_parameters(job),
        attempt=job.id or 1,
    )


def _pipeline(recipe: str, recipes: Mapping[str, str]) -> str:
    for part, pipeline in recipes.items():
        if part.lower() in recipe.lower():
            return pipeline
    raise UnusableRequestError(
        f"recipe {recipe!r} stands for no pipeline: none of {', '.join(recipes)} is in its name; "
        "add it to zocalo.recipes of the ingester. Collections are announced on data-collection"
    )


def _rotation(collection: Collection) -> Collection:
    if collection.experiment != "rotation":
        raise UnusableRequestError(
            f"collection {collection.dcid} is a {collection.experiment}; send that of a rotation"
        )
    return collection


def _sweeps(job: ProcessingJob) -> tuple[Sweep | None, list[Sweep]]:
    """The sweep of the job's own collection, and those of others."""
    if len({sweep.collection_id for sweep in job.sweeps}) < len(job.sweeps):
        raise UnusableRequestError(f"processing job {job.id} has several ranges of one collection; ask for one range")
    own = next((sweep for sweep in job.sweeps if sweep.collection_id == job.collection_id), None)
    if job.sweeps and own is None:
        raise UnusableRequestError(f"processing job {job.id} has no images of its own collection {job.collection_id}")
    return own, [sweep for sweep in job.sweeps if sweep != own]


def _part(sweep: Sweep | None, collection: Collection) -> tuple[int, int] | None:
    """The range to process; None if it is the whole collection."""
    asked = (sweep.first, sweep.last) if sweep else None
    return None if asked == (1, collection.number_of_images) else asked


def _whole(sweep: Sweep, collection: Collection) -> Collection:
    if _part(sweep, _rotation(collection)):
        raise UnusableRequestError(f"of the further collection {sweep.collection_id} only whole sweeps are processed")
    return collection


def _parameters(job: ProcessingJob) -> Parameters:
    named = [(PARAMETERS.get(name, name), value) for name, value in job.parameters]
    if twice := [name for name in dict(named) if [other for other, _ in named].count(name) > 1]:
        raise UnusableRequestError(f"processing job {job.id} sets {', '.join(twice)} more than once; set it once")
    return dict(named)

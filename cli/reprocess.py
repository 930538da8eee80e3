"""`mxmesh reprocess`: process collections again, with other parameters, images or pipelines; nothing is overwritten."""

import re
from datetime import datetime
from typing import Annotated, Any

import anyio
import httpx
import typer
from rich.progress import track

from cli.collections import KnownCollections, UnknownCollectionError
from cli.console import JsonOption, err, explained, out, print_json
from cli.explain import explanations, launcher_settings
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh
from cli.options import PipelineOption, SetOption, read_parameters
from cli.runs import known_runs
from cli.world import outside
from services.launcher.settings import Settings
from shared.bus import BrokerError
from shared.messages import Collection, ProcessCollection

FAULTS = (NoMeshError, UnknownCollectionError, BrokerError, httpx.HTTPError, ValueError)
MANY = 20
WithOption = Annotated[
    list[int] | None, typer.Option("--with", help="A further sweep to process together with it; repeatable.")
]
SinceOption = Annotated[datetime | None, typer.Option(help="Announced then or later, local time.")]
UntilOption = Annotated[datetime | None, typer.Option(help="Announced before, local time.")]


def reprocess(
    collection: Annotated[int | None, typer.Argument(help="Collection id; leave out for --visit or --since.")] = None,
    pipeline: PipelineOption = None,
    change: SetOption = None,
    images: Annotated[str | None, typer.Option(help="First and last image, from 1, such as 1-900.")] = None,
    others: WithOption = None,
    visit: Annotated[str | None, typer.Option(help="Every rotation of this visit, such as cm12345-1.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do not ask before more than {MANY} collections.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Process again; every run stays visible beside the earlier ones.

    Exit status: 0 asked for, 1 not sent, or nothing would run.

    Examples:

        mxmesh reprocess 4711 --pipeline xia2-dials --set d_min=1.8 --images 1-900

        mxmesh reprocess 4711 --with 4712 --with 4713

        mxmesh reprocess --visit cm12345-1 --since 2026-11-01 --dry-run
    """
    with explained(*FAULTS):
        mesh = RunningMesh.find(home)
        known = KnownCollections(mesh.database)
        chosen = _chosen(known, collection, visit, since, until)
        asked = {
            "pipeline": pipeline or "",
            "parameters": read_parameters(change),
            "images": _range(images),
            "others": tuple(known.one(other) for other in others or ()),
        }
        many, runs = collection is None, known_runs(mesh)
        requests = _requests(chosen, asked, known, runs, launcher_settings(home), many=many)
    if len(chosen) > MANY and not (yes or dry_run):
        typer.confirm(f"Process {len(chosen)} collections again, {len(requests)} runs?", abort=True)
    if not dry_run:
        with explained(*FAULTS):
            anyio.run(_send, mesh, requests)
    if as_json:
        print_json([request.model_dump(mode="json") | {"run_id": request.run_id} for request in requests])
    for request in () if as_json else requests:
        out.print(f"{'would run' if dry_run else 'asked for'} {request.run_id}", highlight=False)
    if not requests:
        raise typer.Exit(1)


def _chosen(
    known: KnownCollections, collection: int | None, visit: str | None, since: datetime | None, until: datetime | None
) -> list[Collection]:
    if collection is not None and not (visit or since or until):
        return [known.one(collection)]
    if collection is None and (visit or since):
        return known.rotations(visit, since and since.astimezone(), until and until.replace(fold=1).astimezone())
    raise ValueError("name one collection, or --visit and --since for many")


def _range(images: str | None) -> tuple[int, int] | None:
    if images is None:
        return None
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", images)
    if not found:
        raise ValueError(f"--images wants first and last such as 1-900, not {images!r}")
    return int(found[1]), int(found[2])


def _requests(
    chosen: list[Collection],
    asked: dict[str, Any],
    known: KnownCollections,
    runs: list[dict[str, Any]],
    settings: Settings,
    *,
    many: bool,
) -> list[ProcessCollection]:
    """One for each collection and pipeline, each the next attempt of its kind; what would be refused is said.

    Many at a time are secondary, so that what is measured meanwhile goes first.
    """
    requests = []
    for collection in chosen:
        for each in explanations(ProcessCollection(collection=collection, **asked), settings):
            if each.job is None:
                err.print(f"{collection.ref}: {each.decision.outcome.pipeline} would be refused: {each.refusal}")
                continue
            requests.append(_next_attempt(each.job.request, known, runs))
    if many:
        return [request.model_copy(update={"urgency": "secondary"}) for request in requests]
    return requests


def _next_attempt(request: ProcessCollection, known: KnownCollections, runs: list[dict[str, Any]]) -> ProcessCollection:
    """The same request with an attempt that neither the record nor any run under way has."""
    stem = request.run_id.rpartition("-")[0] + "-"
    under_way = [run["ref"]["attempt"] for run in runs if run["ref"]["run_id"].startswith(stem)]
    last = max([known.last_attempt(request.collection, stem), *under_way])
    return request.model_copy(update={"attempt": last + 1})


async def _send(mesh: RunningMesh, requests: list[ProcessCollection]) -> None:
    async with outside(mesh.broker) as bus:
        for request in track(requests, "asking", console=err, disable=len(requests) <= MANY, transient=True):
            await bus.publish(request)

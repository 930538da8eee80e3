"""`mxmesh runs`: every processing run that the mesh knows of, side by side."""

from datetime import datetime
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh
from cli.status import read_status
from shared.messages import RunRef, RunState, now

FAULTS = (NoMeshError, httpx.HTTPError)
COLOURS = {"succeeded": "green", "running": "cyan", "queued": "cyan"}
CollectionOption = Annotated[int | None, typer.Option(help="Only the runs of this data collection id.")]
StateOption = Annotated[RunState | None, typer.Option(help="Only runs in this state.")]


class UnknownRunError(Exception):
    """The mesh has not heard of a run; the message says what to do."""


def runs(
    collection: CollectionOption = None,
    state: StateOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List processing runs, newest collections first.

    Examples:

        mxmesh runs --collection 4711

        mxmesh runs --state failed --json
    """
    with explained(*FAULTS):
        found = [run for run in known_runs(RunningMesh.find(home)) if _is_wanted(run, collection, state)]
    if as_json:
        print_json(found)
    elif not found:
        out.print("no such runs; `mxmesh runs` lists all that the mesh remembers")
    else:
        out.print(_table(found))


def known_runs(mesh: RunningMesh) -> list[dict[str, Any]]:
    """All runs of the collections that the status page remembers."""
    return [run for collection in read_status(mesh)["collections"] for run in collection["runs"]]


def find_run(mesh: RunningMesh, run_id: str) -> dict[str, Any]:
    """One run by its id, or by the only id that begins so.

    Raises:
        UnknownRunError: there is none, or more than one.
    """
    if (found := find_known_run(mesh, run_id)) is None:
        raise UnknownRunError(f"no single run {run_id!r}; `mxmesh runs` lists them")
    return found


def find_known_run(mesh: RunningMesh, run_id: str) -> dict[str, Any] | None:
    """The same; None: the mesh has not heard of it.

    Raises:
        UnknownRunError: several begin so.
    """
    found = [run for run in known_runs(mesh) if run["ref"]["run_id"].startswith(run_id.lower())]
    exact = [run for run in found if run["ref"]["run_id"] == run_id.lower()]
    if len(exact or found) > 1:
        names = ", ".join(run["ref"]["run_id"] for run in found[:5])
        raise UnknownRunError(f"no single run {run_id!r}; these begin so: {names}")
    return next(iter(exact or found), None)


def _is_wanted(run: dict[str, Any], collection: int | None, state: RunState | None) -> bool:
    ref = run["ref"]
    return collection in (None, ref["collection"]["id"]) and state in (None, run["state"])


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(
        "run", "asked for", "state", "step", "for", "reason", caption="`mxmesh logs RUN` shows what a run says"
    )
    for run in found:
        steps = run["steps"]
        step = f"{run['n_done']}/{run['n_steps']} {steps[-1]['name'] if steps else ''}"
        colour = COLOURS.get(run["state"], "red")
        reason = (run["detail"] or "").splitlines()
        table.add_row(
            run["ref"]["run_id"],
            escape(RunRef.model_validate(run["ref"]).asked),
            f"[{colour}]{run['state']}[/]",
            escape(step),
            _duration(run),
            escape(reason[0] if reason else ""),
        )
    return table


def _duration(run: dict[str, Any]) -> str:
    """How long a run took, or how long ago it last changed."""
    result = run["result"]
    if result and result.get("started_at"):
        seconds = (_moment(result["ended_at"]) - _moment(result["started_at"])).total_seconds()
        return f"{max(0, seconds):.0f} s"
    if not run["changed_at"]:
        return ""
    seconds = (now() - _moment(run["changed_at"])).total_seconds()
    return f"since {max(0, seconds):.0f} s"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

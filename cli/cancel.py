"""`mxmesh cancel`: end runs, or let them not begin."""

import getpass
import time
from typing import Annotated, Any

import anyio
import httpx
import typer

from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh
from cli.runs import UnknownRunError, find_run, known_runs
from cli.world import outside
from shared.bus import BrokerError
from shared.messages import CancelProcessing, CollectionRef

FAULTS = (NoMeshError, UnknownRunError, BrokerError, httpx.HTTPError)
POLL_S = 0.3


def cancel(
    what: Annotated[str, typer.Argument(help="Run id as `mxmesh runs` lists it, or a collection id: all its runs.")],
    reason: Annotated[str | None, typer.Option(help="Why; it stands in the result.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Of a collection only the runs of this pipeline.")] = None,
    wait_s: Annotated[float, typer.Option(help="How long to wait for the runs' ends [s].")] = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Cancel processing that runs or waits. What is asked for later is not concerned.

    Exit status: 0 all ended, 1 not sent, 3 sent but something still runs.

    Examples:

        mxmesh cancel i03-4711-dials-1a2b3c4d-1 --reason "wrong crystal"

        mxmesh cancel 4711 --pipeline xia2-dials
    """
    with explained(*FAULTS):
        mesh = RunningMesh.find(home)
        before = _concerned(mesh, what, pipeline)
        message = CancelProcessing(**_named(before, what, pipeline), cancelled_by=getpass.getuser(), reason=reason)
        anyio.run(_send, mesh, message)
        after = _await_ends(mesh, [run["ref"]["run_id"] for run in before], wait_s)
    if as_json:
        print_json(after)
    for run in () if as_json else after:
        out.print(f"{run['ref']['run_id']}: {run['state']}", highlight=False)
    if not all(run["terminal"] for run in after):
        raise typer.Exit(3)


def _concerned(mesh: RunningMesh, what: str, pipeline: str | None) -> list[dict[str, Any]]:
    """The runs that a user means.

    Raises:
        UnknownRunError: there are none.
    """
    if not what.isdecimal():
        return [find_run(mesh, what)]
    of_collection = [run for run in known_runs(mesh) if run["ref"]["collection"]["id"] == int(what)]
    found = [run for run in of_collection if pipeline in (None, run["ref"]["pipeline"])]
    if not found:
        raise UnknownRunError(f"no runs of collection {what} are known; `mxmesh runs` lists them")
    return found


def _named(runs: list[dict[str, Any]], what: str, pipeline: str | None) -> dict[str, Any]:
    if not what.isdecimal():
        return {"run_id": runs[0]["ref"]["run_id"]}
    ref = CollectionRef.model_validate(runs[0]["ref"]["collection"])
    return {"collection": ref, "pipeline": pipeline}


async def _send(mesh: RunningMesh, message: CancelProcessing) -> None:
    async with outside(mesh.broker) as bus:
        await bus.publish(message)


def _await_ends(mesh: RunningMesh, run_ids: list[str], wait_s: float) -> list[dict[str, Any]]:
    """The runs as soon as all have ended, or when the time is over."""
    patience, runs = time.monotonic() + wait_s, _those(mesh, run_ids)
    while not all(run["terminal"] for run in runs) and time.monotonic() < patience:
        time.sleep(POLL_S)
        runs = _those(mesh, run_ids)
    return runs


def _those(mesh: RunningMesh, run_ids: list[str]) -> list[dict[str, Any]]:
    return [run for run in known_runs(mesh) if run["ref"]["run_id"] in run_ids]

"""`mxmesh cancel`: end runs, or let them not begin."""

import getpass
import time
from typing import Annotated, Any

import anyio
import httpx
import typer

from cli.collections import KnownCollections, UnknownCollectionError
from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh
from cli.runs import UnknownRunError, find_known_run, known_runs
from cli.world import ask
from shared.bus import BrokerError
from shared.messages import CancellationTaken, CancelProcessing, CollectionRef
from shared.topology import Topology

FAULTS = (NoMeshError, UnknownRunError, UnknownCollectionError, BrokerError, httpx.HTTPError)
POLL_S = 0.3
Run = dict[str, Any]


def cancel(
    what: Annotated[str, typer.Argument(help="Run id as `mxmesh runs` lists it, or a collection id: all its runs.")],
    reason: Annotated[str | None, typer.Option(help="Why; it stands in the result.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Of a collection only the runs of this pipeline.")] = None,
    wait_s: Annotated[float, typer.Option(help="How long to wait for the launcher, and for the runs' ends [s].")] = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Cancel processing that runs or waits. What is asked for a collection later is not concerned.

    Exit status: 0 all ended, 1 not sent, 2 nothing known by that name, 3 sent, but not answered or not all ended.

    Examples:

        mxmesh cancel i03-4711-dials-1a2b3c4d-1 --reason "wrong crystal"

        mxmesh cancel 4711 --pipeline xia2-dials
    """
    patience = time.monotonic() + wait_s
    with explained(*FAULTS):
        mesh = RunningMesh.find(home)
        before = _concerned(mesh, what, pipeline)
        named = _named(mesh, before, what, pipeline)
        taken = anyio.run(_ask, mesh, CancelProcessing(**named, cancelled_by=getpass.getuser(), reason=reason), wait_s)
        after = _await_ends(mesh, _ids(before, taken), patience)
    if as_json:
        print_json({"answer": taken and taken.model_dump(mode="json", exclude_none=True), "runs": after})
    else:
        _show_runs(before, taken, after)
        _show_answer(taken, after, wait_s)
    raise typer.Exit(_exit_status(taken, after))


def _concerned(mesh: RunningMesh, what: str, pipeline: str | None) -> list[Run]:
    """The runs that a user means, as far as the status page knows them."""
    if not what.isdecimal():
        found = find_known_run(mesh, what)
        return [found] if found else []
    of_collection = [run for run in known_runs(mesh) if run["ref"]["collection"]["id"] == int(what)]
    return [run for run in of_collection if pipeline in (None, run["ref"]["pipeline"])]


def _named(mesh: RunningMesh, runs: list[Run], what: str, pipeline: str | None) -> dict[str, Any]:
    """What the message says of it.

    Raises:
        UnknownCollectionError: it is a collection that was never announced.
    """
    if not what.isdecimal():
        return {"run_id": runs[0]["ref"]["run_id"] if runs else what.lower()}
    if runs:
        return {"collection": CollectionRef.model_validate(runs[0]["ref"]["collection"]), "pipeline": pipeline}
    return {"collection": KnownCollections(mesh.database).one(int(what)).ref, "pipeline": pipeline}


async def _ask(mesh: RunningMesh, message: CancelProcessing, wait_s: float) -> CancellationTaken | None:
    destination = Topology(mesh.broker_prefix).source(CancelProcessing, "launcher")
    answer = await ask(mesh.broker, destination, message.to_json(), wait_s)
    return CancellationTaken.model_validate_json(answer) if answer else None


def _ids(before: list[Run], taken: CancellationTaken | None) -> set[str]:
    """Also of runs of which the page has not heard yet."""
    return {run["ref"]["run_id"] for run in before} | set(taken.runs if taken else ())


def _await_ends(mesh: RunningMesh, run_ids: set[str], patience: float) -> list[Run]:
    """The runs as soon as all have ended, or when the time is over [monotonic s]."""
    runs = _those(mesh, run_ids)
    while not (len(runs) == len(run_ids) and _all_ended(runs)) and time.monotonic() < patience:
        time.sleep(POLL_S)
        runs = _those(mesh, run_ids)
    return runs


def _those(mesh: RunningMesh, run_ids: set[str]) -> list[Run]:
    return [run for run in known_runs(mesh) if run["ref"]["run_id"] in run_ids] if run_ids else []


def _all_ended(runs: list[Run]) -> bool:
    return all(run["terminal"] for run in runs)


def _show_runs(before: list[Run], taken: CancellationTaken | None, after: list[Run]) -> None:
    over = {run["ref"]["run_id"] for run in before if run["terminal"]}
    for run in after:
        run_id = run["ref"]["run_id"]
        out.print(f"{run_id}: {run['state']}{', had ended before' if run_id in over else ''}", highlight=False)
    for run_id in _unheard(taken, after):
        out.print(f"{run_id}: told to end, but its end is not known yet", highlight=False)


def _show_answer(taken: CancellationTaken | None, after: list[Run], wait_s: float) -> None:
    if taken is None:
        out.print(f"sent, but not answered within {wait_s:g} s; the broker keeps it. See `mxmesh status`.")
    elif not after and not taken.runs:
        out.print(
            f"nothing is known of {taken.cancel.subject}; `mxmesh runs` lists what is. It is remembered: "
            f"what was asked for and is still on its way will not begin.",
            highlight=False,
        )


def _unheard(taken: CancellationTaken | None, after: list[Run]) -> set[str]:
    return set(taken.runs if taken else ()) - {run["ref"]["run_id"] for run in after}


def _exit_status(taken: CancellationTaken | None, after: list[Run]) -> int:
    if taken is None or _unheard(taken, after) or not _all_ended(after):
        return 3
    return 0 if after else 2

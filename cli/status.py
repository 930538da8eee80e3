"""`mxmesh status`: what the status page says, in a terminal."""

from collections.abc import Mapping
from typing import Any

import httpx
from rich.markup import escape
from rich.table import Table

from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh

N_COLLECTIONS = 15


def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Is the beamline all right, and why not?

    Example: mxmesh status --json | jq .health
    """
    with explained(NoMeshError, httpx.HTTPError):
        running = RunningMesh.find(home)
        answer = read_status(running)
    if as_json:
        print_json(answer)
    else:
        show(answer, running.page_url)


def read_status(mesh: RunningMesh) -> dict[str, Any]:
    """What the status page says, as JSON.

    Raises:
        httpx.HTTPError: it does not answer.
    """
    answer = httpx.get(f"{mesh.page_url}/api/status", timeout=10, trust_env=False)
    return dict(answer.raise_for_status().json())


def show(answer: Mapping[str, Any], page_url: str) -> None:
    """Verdict first, then its reasons, then services and collections."""
    health = answer["health"]
    colour = {"all right": "green", "look here": "yellow", "broken": "red"}[health["verdict"]]
    out.print(f"[bold]{answer['beamline']}[/]: [bold {colour}]{health['verdict']}[/]   {page_url}")
    for reason in health["reasons"]:
        out.print(f"  - {escape(reason['what'])}\n    {escape(reason['remedy'])}", highlight=False)
        if reason["command"]:
            out.print(f"    [bold]{escape(reason['command'])}[/]", highlight=False)
    out.print(", ".join(f"{service['service']}: {service['condition']}" for service in health["services"]))
    out.print(escape(_broker(answer["broker"])), highlight=False)
    out.print(_collections(answer["collections"][:N_COLLECTIONS]))


def _broker(broker: Mapping[str, Any]) -> str:
    """One line: what is known of the broker, and what is not."""
    parts = [f"COMMIT {each['service']} {each['median_ms']:.1f} ms" for each in broker["commits"]]
    if broker["heap_percent"] is not None:
        parts.append(f"heap {broker['heap_percent']:.0f} %")
    if broker["store_percent"] is not None:
        files = f" in {broker['n_files']} files" if broker["n_files"] else ""
        parts.append(f"store {broker['store_percent']:.0f} %{files}")
    if broker["oldest_file_s"] is not None:
        parts.append(f"oldest file {broker['oldest_file_s'] / 3600:.1f} h")
    if broker["n_queues"] is not None:
        parts.append(f"{broker['n_queues']} queues, {broker['n_waiting']} messages wait")
    return f"broker: {', '.join([broker['condition'], *parts])}" + "".join(f"\n  {words}" for words in broker["untold"])


def _collections(collections: list[dict[str, Any]]) -> Table:
    table = Table(
        "collection", "experiment", "state", "images", "failed", escape("crystal x, y [boxes]"), "processing", "trace"
    )
    for c in collections:
        centres = "; ".join("{:.2f}, {:.2f}".format(*crystal["centre_box"]) for crystal in c["crystals"][:2])
        runs = "; ".join(f"{run['ref']['pipeline']}: {run['state']}" for run in c["runs"])
        images = f"{c['n_found'] + c['n_failed']}/{c['n_images'] or '?'}" if c["experiment"] == "grid scan" else "-"
        table.add_row(
            c["key"], c["experiment"], c["phase"], images, str(c["n_failed"]), centres, runs, (c["trace_id"] or "")[:8]
        )
    return table

"""`mxmesh announce`: say to the mesh what GDA would say."""

import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
import orjson
import typer

from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, find_broker
from cli.world import ask
from shared.bus import BrokerError
from shared.messages import CollectionStarts
from shared.settings import BrokerSettings
from shared.topology import Topology

ANSWER_TIMEOUT_S = 2.0


def announce(
    file: Annotated[Path, typer.Argument(help="JSON file with the announcement; - reads standard input.")],
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field, such as --set dcid=1234; repeatable.")
    ] = None,
    wait_s: Annotated[float, typer.Option(help="How long to wait for the mesh's answer [s].")] = ANSWER_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Announce a data collection and show the mesh's answer.

    Exit status: 0 accepted, 1 not sent, 2 rejected, 3 sent but not answered in time.

    Examples:

        mxmesh announce docs/messages/example-gridscan.json --set dcid=4711

        echo '{"event": "abort", ...}' | mxmesh announce -
    """
    with explained(OSError, ValueError, NoMeshError, BrokerError):
        body = _changed(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes(), change or [])
        answer = anyio.run(_announce, body, find_broker(home), wait_s)
    if as_json:
        print_json(answer)
    else:
        _show(answer, wait_s)
    if answer is None:
        raise typer.Exit(3)
    if "reason" in answer:
        raise typer.Exit(2)


def _changed(body: bytes, changes: list[str]) -> bytes:
    """The announcement with single fields changed; sent as it is when nothing is to be changed."""
    if not changes:
        return body
    announcement = orjson.loads(body)
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"--set wants field=value, not {change!r}")
        announcement[field] = _value(value)
    return orjson.dumps(announcement)


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


async def _announce(body: bytes, settings: BrokerSettings, wait_s: float) -> dict[str, Any] | None:
    """The mesh's answer; None if it did not come in time."""
    destination = Topology(settings.prefix).source(CollectionStarts, "ingester")
    answer = await ask(settings, destination, body, wait_s)
    return None if answer is None else dict(orjson.loads(answer))


def _show(answer: dict[str, Any] | None, wait_s: float) -> None:
    if answer is None:
        out.print(f"sent, but not answered within {wait_s:g} s; the broker keeps it. See `mxmesh status`.")
    elif "reason" in answer:
        out.print(f"[bold red]rejected:[/] {answer['reason']}\n[bold]remedy:[/]   {answer['remedy']}", highlight=False)
    else:
        out.print(f"[bold green]accepted[/] at {answer['answered_at']}")

"""`mxmesh trace`: one data collection from its announcement to the database row, as the services' spans tell it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.tree import Tree

from cli.console import JsonOption, err, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, spans_folder
from shared.rotation import read_lines, rotated_in

Span = dict[str, Any]
MS = 1e6  # nanoseconds


def trace(
    trace_id: Annotated[str, typer.Argument(help="Trace id, or its beginning, as the status page shows it.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the spans of one data collection, service by service, with their times.

    A facility sends spans to a tracing system (OTEL_EXPORTER_OTLP_ENDPOINT); this reads the files of `mxmesh up`.

    Example: mxmesh trace 4bf92f35
    """
    folder = spans_folder(home)
    spans = sorted(spans_of(folder, trace_id), key=lambda span: int(span["start_ns"]))
    if as_json:
        print_json(spans)
    elif spans:
        out.print(_tree(spans))
    else:
        err.print(f"no span of trace {trace_id} in {folder}; name the --home of the `mxmesh up` that wrote it")
        raise typer.Exit(1)


def spans_of(folder: Path, trace_id: str) -> Iterator[Span]:
    """Finished spans whose trace id begins like this."""
    needle = f'{{"trace_id":"{trace_id}'.encode()
    for file in rotated_in(folder, ".jsonl"):
        for line in read_lines(file):
            if line.startswith(needle):
                with suppress(orjson.JSONDecodeError):  # written in part, as to a full disk
                    yield orjson.loads(line)


def services_in(folder: Path, trace_id: str) -> set[str]:
    """Names of the services that took part in a trace."""
    return {str(span["service"]) for span in spans_of(folder, trace_id)}


def _tree(spans: list[Span]) -> Tree:
    """Parents above children; a parent that wrote no file (GDA, say) is left out."""
    first = int(spans[0]["start_ns"])
    root = Tree(f"trace {spans[0]['trace_id']}, {len(spans)} spans")
    known = {span["span_id"] for span in spans}
    branches: dict[str | None, Tree] = {}
    for span in spans:
        parent = branches.get(span["parent_id"], root) if span["parent_id"] in known else root
        branches[span["span_id"]] = parent.add(_line(span, first))
    return root


def _line(span: Span, first_ns: int) -> str:
    start, took = (span["start_ns"] - first_ns) / MS, (span["end_ns"] - span["start_ns"]) / MS
    return f"[dim]+{start:9.1f} ms[/] {span['service'].removeprefix('mxmesh-')} [bold]{span['name']}[/] {took:.1f} ms"

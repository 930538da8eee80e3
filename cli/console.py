"""How every command speaks: Rich on a terminal, JSON when asked, errors that say what to do next."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import orjson
import typer
from rich.console import Console

from shared.faults import leaves

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
WIDTH = None if sys.stdout.isatty() else 140  # a file or a pipe has no width of its own
out = Console(width=WIDTH, emoji=False)
err = Console(stderr=True, emoji=False)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode())


@contextmanager
def explained(*faults: type[Exception]) -> Iterator[None]:
    """Show these faults as one clear message and exit status 1."""
    try:
        yield
    except faults as fault:
        err.print(f"[bold red]error:[/] {_words(fault)}", highlight=False)
        raise typer.Exit(1) from fault


def _words(fault: BaseException) -> str:
    return "; ".join(str(leaf) or type(leaf).__name__ for leaf in leaves(fault))


def tell(line: str) -> None:
    """One line about what happens meanwhile, on standard error."""
    err.print(line, highlight=False)

"""`mxmesh logs`: what the programs of a run have said, and go on saying."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli.console import explained, tell
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh
from cli.runs import UnknownRunError, find_run

POLL_S = 0.3
PIECE = 65536


class NoLogsError(Exception):
    """The files of a run cannot be read here; the message says why."""


def logs(
    run: Annotated[str, typer.Argument(help="Run id as `mxmesh runs` lists it, or how it begins.")],
    step: Annotated[str | None, typer.Option(help="Only this step, such as dials.index; default: all so far.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show the logs of a run, step after step.

    Examples:

        mxmesh logs i03-4711-dials-1a2b3c4d-1 --step dials.index

        mxmesh logs i03-4711 --follow
    """
    with explained(NoMeshError, UnknownRunError, NoLogsError, httpx.HTTPError, OSError):
        mesh = RunningMesh.find(home)
        found = find_run(mesh, run)
        for piece in _pieces(_directory(found), step, follow):
            typer.echo(piece, nl=False)


def _directory(found: dict[str, object]) -> Path:
    path = found["directory"]
    if not isinstance(path, str):
        raise NoLogsError("this run has no directory: it never began; `mxmesh runs` says why")
    if not Path(path).is_dir():
        raise NoLogsError(f"{path} is not on this machine; look where the runs work")
    return Path(path)


def _pieces(directory: Path, step: str | None, follow: bool) -> Iterator[str]:
    """Everything that is in the logs, and with ``follow`` everything that comes, until exit.json is there."""
    read: dict[Path, int] = {}
    while True:
        ended = (directory / "exit.json").exists()
        for log in sorted(directory.glob(f"[0-9][0-9]_{step or '*'}.log")):
            yield from _new(log, read)
        if not follow or ended:
            break
        time.sleep(POLL_S)
    if not read:
        tell(f"no log of {step or 'any step'} yet in {directory}")


def _new(log: Path, read: dict[Path, int]) -> Iterator[str]:
    """What a log holds beyond what was read of it; a heading first."""
    if log not in read:
        yield f"=== {log.name}\n"
    with log.open("rb") as file:
        file.seek(read.setdefault(log, 0))
        while piece := file.read(PIECE):
            yield piece.decode(errors="replace")
        read[log] = file.tell()

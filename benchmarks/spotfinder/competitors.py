"""Processes that work in turns: each competitor under the interpreter that has its libraries, asked line by line."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hdf5plugin

from benchmarks.spotfinder.compare_with_dials import DIALS_PYTHON, ROOT
from benchmarks.spotfinder.peers.install import peers_python

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class CompetitorError(Exception):
    """A competitor died; the message is the last line of its standard error."""


@dataclass(frozen=True)
class Competitor:
    """Who takes part.

    Attributes:
        name: as the command line knows it.
        python: the interpreter.
        environment: variables it needs beside ours.
    """

    name: str
    python: Path
    environment: dict[str, str] = field(default_factory=dict)


OURS = Competitor("ours", Path(sys.executable))
FLOOR = Competitor("floor", Path(sys.executable))
DIALS = Competitor("dials", Path(DIALS_PYTHON), {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH, "PYTHONPATH": ""})
NAIVE = Competitor("naive", Path(sys.executable))
PEERS = tuple(Competitor(name, peers_python(), {"PYTHONPATH": ""}) for name in ("mxspots", "peakfinder8", "sparse"))
COMPETITORS = {who.name: who for who in (OURS, FLOOR, DIALS, *PEERS, NAIVE)}


class Running:
    """One competitor's process, the images of a set loaded; does nothing until it is asked.

    Attributes:
        name: of the competitor.
        absent: why it does not take part; empty if it does.
        remarks: on its rows.
        missing: rows that it cannot have, and why.
    """

    def __init__(self, who: Competitor, master: Path) -> None:
        self.name = who.name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit
        self._process = self._start(who, master)
        greeting = self._greeting()
        self.absent: str = greeting.get("absent", "")
        self.remarks: dict[str, str] = greeting.get("remarks", {})
        self.missing: dict[str, str] = greeting.get("missing", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._process.communicate()  # the end of its input ends the process
        self._errors.close()

    def turn(self) -> dict[str, list[float]]:
        """CPU time per image of each pass [ms], by row.

        Raises:
            CompetitorError: if the process died.
        """
        answer: dict[str, list[float]] = self._ask("turn")
        return answer

    def results(self) -> list[dict[str, Any]]:
        """Spots and figures of each image; empty if its spots are not compared.

        Raises:
            CompetitorError: if the process died.
        """
        answer: list[dict[str, Any]] = self._ask("results")
        return answer

    def _start(self, who: Competitor, master: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(who.python), "-m", f"benchmarks.spotfinder.peers.{who.name}", str(master)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, **who.environment},
        )

    def _greeting(self) -> dict[str, Any]:
        try:
            greeting: dict[str, Any] = self._answer()
        except CompetitorError as fault:
            return {"absent": str(fault)}
        return greeting

    def _ask(self, what: str) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdin  # noqa: S101 - it is a pipe
        print(what, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdout  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise CompetitorError(f"{self.name}: {(self._errors.read().strip().splitlines() or ['died'])[-1]}")
        return json.loads(line)

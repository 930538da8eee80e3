"""`mxmesh doctor`: what is installed, what is missing, how to get it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer
from rich.table import Table

from cli.activemq import NoActiveMQError, find_activemq
from cli.console import JsonOption, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, RunningMesh

VERSION_TIMEOUT_S = 30
PACKAGES = ("aiostomp", "h5py", "hdf5plugin", "numba", "pydantic", "sqlalchemy", "starlette")


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Attributes:
        needed_for: what does not work without it.
        found: version or place; None if missing.
        remedy: how to get it.
    """

    name: str
    needed_for: str
    found: str | None
    remedy: str
    required: bool = True


def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """What is installed, what is missing, and how to get it. Exit status 1 if something needed is missing.

    Example: mxmesh doctor --json
    """
    findings = list(examine(home))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        table = Table("", "what", "needed for", "found, or how to get it")
        for f in findings:
            mark = "[green]ok[/]" if f.found else "[bold red]missing[/]" if f.required else "[yellow]missing[/]"
            table.add_row(mark, f.name, f.needed_for, f.found or f.remedy)
        out.print(table)
    if any(f.required and not f.found for f in findings):
        raise typer.Exit(1)


def examine(home: Path) -> Iterator[Finding]:
    """Look for everything that a mesh on this machine uses."""
    yield Finding("Python", "everything", sys.version.split()[0], "")
    yield from (Finding(name, "everything", _package(name), "make install") for name in PACKAGES)
    java = _first_line("java", "-version")
    yield Finding("Java", "ActiveMQ", java, "apt-get install default-jre-headless")
    yield Finding("ActiveMQ Classic", "mxmesh up", _activemq(), "apt-get install activemq, or set MXMESH_BROKER_URL")
    told = "apt-get install libjolokia-core-java libjetty9-java"
    yield Finding("Jolokia", "the broker's health on the page", _jolokia(), told, required=False)
    dials = _first_line("dials.version")
    yield Finding("DIALS", "pipeline dials", dials, "apt-get install dials python3-dials")
    xia2 = shutil.which("freerflag") and shutil.which("xia2")
    yield Finding(
        "xia2 with CCP4", "pipeline xia2-dials", xia2, "install xia2 with CCP4, and put it on the PATH", required=False
    )
    chromium = shutil.which("chromium")
    yield Finding("Chromium", "browser tests", chromium, "apt-get install chromium", required=False)
    yield Finding("Docker daemon", "testcontainers", _docker(), "start dockerd; the tests work without", required=False)
    yield Finding("writable home", "mxmesh up", _writable(home), f"make {home} writable, or choose another --home")
    yield Finding("running mesh", "mxmesh status", _mesh(home), "start one with `mxmesh up`", required=False)


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _first_line(*command: str) -> str | None:
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else command[0]


def _activemq() -> str | None:
    return _unless(lambda: find_activemq().name, NoActiveMQError)


def _jolokia() -> str | None:
    return _unless(lambda: "with ActiveMQ" if find_activemq().jolokia else None, NoActiveMQError)


def _docker() -> str | None:
    if not shutil.which("docker"):
        return None
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _writable(home: Path) -> str | None:
    parent = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    return str(home) if os.access(parent, os.W_OK) else None


def _mesh(home: Path) -> str | None:
    return _unless(lambda: RunningMesh.find(home).page_url, NoMeshError)


def _unless(look: Callable[[], str | None], absent: type[Exception]) -> str | None:
    try:
        return look()
    except absent:
        return None

"""The folder of one mesh on this machine, and the note in it that tells other commands how to reach it."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, Field

from shared.settings import BrokerSettings, ServiceSettings

DEFAULT_HOME = Path(os.environ.get("MXMESH_HOME", Path.home() / ".local" / "state" / "mxmesh"))
HomeOption = Annotated[
    Path, typer.Option("--home", help="Folder of the mesh: databases, logs, broker. Default: $MXMESH_HOME.")
]


class NoMeshError(Exception):
    """No mesh is known to run; the message says what to do."""


class RunningMesh(BaseModel):
    """How to reach the mesh that `mxmesh up` started; kept in a file that only its owner can read."""

    pid: int = Field(description="process id of `mxmesh up`")
    beamline: str
    broker_url: str
    broker_user: str | None = None
    broker_password: str | None = None
    broker_prefix: str = ""
    page_url: str
    data_roots: tuple[Path, ...]
    database: Path = Field(description="SQLite file of the writer")
    spans: Path = Field(description="folder of finished spans, one file per service")

    @property
    def broker(self) -> BrokerSettings:
        """Settings of a connection to its broker."""
        return BrokerSettings.model_validate(
            {
                "url": self.broker_url,
                "user": self.broker_user,
                "password": self.broker_password,
                "prefix": self.broker_prefix,
            }
        )

    def write(self, home: Path) -> None:
        """Leave the note; it appears whole."""
        note = _note(home)
        note.parent.mkdir(parents=True, exist_ok=True)
        unfinished = note.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_text(self.model_dump_json(indent=1))
        unfinished.replace(note)

    @staticmethod
    def remove(home: Path) -> None:
        """Take the note away."""
        _note(home).unlink(missing_ok=True)

    @classmethod
    def find(cls, home: Path) -> "RunningMesh":
        """The mesh of a folder.

        Raises:
            NoMeshError: none was started there, or it is gone.
        """
        try:
            running = cls.model_validate_json(_note(home).read_bytes())
        except FileNotFoundError:
            raise NoMeshError(f"no mesh runs in {home}; start one with `mxmesh up`, or name its --home") from None
        if not Path(f"/proc/{running.pid}").exists():
            raise NoMeshError(f"the mesh in {home} has died (process {running.pid}); start it again with `mxmesh up`")
        return running


def spans_folder(home: Path) -> Path:
    """Where the services of a mesh write their finished spans, a file each."""
    return home / "spans"


def log_file(home: Path, service: str) -> Path:
    """Where a service of a mesh logs to; what bypasses its log is beside it, ``.out``."""
    return home / "logs" / f"{service}.jsonl"


def settings_file(home: Path, service: str) -> Path:
    """The settings that a service of a mesh was started with."""
    return home / "settings" / f"{service}.json"


def _note(home: Path) -> Path:
    return home / "mesh.json"


def find_broker(home: Path) -> BrokerSettings:
    """The broker to speak to: $MXMESH_BROKER_URL (and _USER, _PASSWORD, _PREFIX) if set, else the local mesh's.

    Raises:
        NoMeshError: neither is there.
    """
    if os.environ.get("MXMESH_BROKER_URL"):
        return ServiceSettings.load().broker
    return RunningMesh.find(home).broker

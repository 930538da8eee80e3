"""Real database servers in folders of their own, from Debian's packages: PostgreSQL and MariaDB."""

import getpass
import os
import shutil
import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from cli.broker_configuration import free_ports
from tests.contained_databases import ContainedMariaDb, ContainedPostgreSql, ContainedServer, contained_server
from tests.servers import START_TIMEOUT_S, Server


class LocalServer(Server):
    """A server of Debian's packages in a folder.

    Args:
        folder: must not exist; a unix socket goes there, so its path is short.
    """

    image_variable: str
    """Names an image to be used instead."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.prepare()
        self.start()

    @abstractmethod
    def prepare(self) -> None:
        """Make the folder with an empty server's files."""

    @abstractmethod
    def command(self) -> list[str]:
        """Runs the server in the foreground."""

    def run_as(self) -> str | None:
        """Another user than ours, if the server needs that."""
        return None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, user=self.run_as(), cwd=self.folder
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.socket.exists():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)

    @property
    @abstractmethod
    def socket(self) -> Path:
        """The unix socket; there once the server answers."""

    def kill(self) -> None:
        assert self._process
        server = psutil.Process(self._process.pid)
        for process in (server, *server.children(recursive=True)):
            process.kill()
        self._process.wait(START_TIMEOUT_S)
        self.socket.unlink(missing_ok=True)


class PostgreSql(LocalServer):
    """Refuses to run as root, so that it runs as the user that its package made."""

    maintenance = "postgres"
    image_variable = "MXMESH_POSTGRESQL_IMAGE"

    def run_as(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        self.folder.mkdir()
        if user := self.run_as():
            shutil.chown(self.folder, user, user)
        make = [_program("initdb"), "--pgdata", "data", "--username", "mxmesh", "--auth", "trust", "--no-sync"]
        subprocess.run(make, cwd=self.folder, user=self.run_as(), check=True, capture_output=True)

    def command(self) -> list[str]:
        flags = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        return [_program("postgres"), "-D", "data", "-p", str(self.port), *flags]

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://mxmesh@127.0.0.1:{self.port}/{database}"


class MariaDb(LocalServer):
    """Runs as whoever tests."""

    maintenance = "mysql"
    image_variable = "MXMESH_MARIADB_IMAGE"

    def prepare(self) -> None:
        self.folder.mkdir()
        make = ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", f"--user={getpass.getuser()}"]
        subprocess.run([*make, "--auth-root-authentication-method=normal"], check=True, capture_output=True)

    def command(self) -> list[str]:
        place = [f"--datadir={self.folder}/data", f"--socket={self.socket}", f"--pid-file={self.folder}/pid"]
        reach = [f"--port={self.port}", "--bind-address=127.0.0.1", f"--user={getpass.getuser()}"]
        return [_program("mariadbd"), "--no-defaults", *place, *reach]

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def url(self, database: str) -> str:
        return f"mysql+asyncmy://root@127.0.0.1:{self.port}/{database}"


def _program(name: str) -> str:
    """Debian keeps PostgreSQL's programs outside PATH."""
    places = os.pathsep.join(("/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.environ["PATH"]))
    found = shutil.which(name, path=places)
    assert found, f"{name} is not installed: run make install-dev"
    return found


@contextmanager
def serving(kind: type[LocalServer]) -> Iterator[Server]:
    """A running server, and nothing of it afterwards; in a container where a variable names an image."""
    if image := os.environ.get(kind.image_variable):
        with contained_server(CONTAINED[kind], image) as contained:
            yield contained
    else:
        with _local(kind) as local:
            yield local


CONTAINED: dict[type[LocalServer], type[ContainedServer]] = {PostgreSql: ContainedPostgreSql, MariaDb: ContainedMariaDb}


@contextmanager
def _local(kind: type[LocalServer]) -> Iterator[Server]:
    """Below /tmp, where every user may go and paths are short."""
    with TemporaryDirectory(prefix="mxmesh-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        server = kind(Path(place) / "server")
        try:
            yield server
        finally:
            server.kill()

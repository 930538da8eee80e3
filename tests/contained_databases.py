"""Database servers in containers: PostgreSQL and MariaDB, of the public images or of those in `.ci/docker`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from cli.broker_configuration import free_ports
from tests.servers import START_TIMEOUT_S, Server

PASSWORD = "secret"


class ContainedServer(Server):
    """Its port stays the same, and its data with the container, when it is killed and started again."""

    inner_port: ClassVar[int]
    environment: ClassVar[dict[str, str]]
    question: ClassVar[list[str]]
    """A command within the container that fails until the server answers."""

    def __init__(self, image: str) -> None:
        super().__init__()
        (self.port,) = free_ports(1)
        testcontainers_config.ryuk_disabled = True  # its image would have to be pulled
        self.container = DockerContainer(image, env=self.environment)
        self.container.ports[str(self.inner_port)] = ("127.0.0.1", self.port)  # which with_bind_ports cannot say
        self.container.start()

    def start(self) -> None:
        self.container.get_wrapped_container().start()  # does nothing to one that runs
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.container.exec(self.question).exit_code != 0:
            assert time.monotonic() < deadline, self.container.get_logs()
            time.sleep(0.2)

    def kill(self) -> None:
        contained = self.container.get_wrapped_container()
        contained.kill()
        contained.wait()


class ContainedPostgreSql(ContainedServer):
    maintenance = "postgres"
    inner_port = 5432
    environment: ClassVar[dict[str, str]] = {"POSTGRES_USER": "mxmesh", "POSTGRES_PASSWORD": PASSWORD}
    question: ClassVar[list[str]] = ["pg_isready", "-h", "127.0.0.1", "-U", "mxmesh"]

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://mxmesh:{PASSWORD}@127.0.0.1:{self.port}/{database}"


class ContainedMariaDb(ContainedServer):
    maintenance = "mysql"
    inner_port = 3306
    environment: ClassVar[dict[str, str]] = {"MARIADB_ROOT_PASSWORD": PASSWORD}
    question: ClassVar[list[str]] = ["mariadb", "-h", "127.0.0.1", "-uroot", f"-p{PASSWORD}", "-e", "SELECT 1"]

    def url(self, database: str) -> str:
        return f"mysql+asyncmy://root:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@contextmanager
def contained_server(kind: type[ContainedServer], image: str) -> Iterator[ContainedServer]:
    """A running server, and nothing of it afterwards."""
    server = kind(image)
    try:
        server.start()
        yield server
    finally:
        server.container.stop()

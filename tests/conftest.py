"""What several packages of tests share: a real ActiveMQ, and names of one's own on it; database servers."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from cli.broker import LocalBroker
from cli.broker_configuration import Policy
from shared.settings import BrokerSettings
from shared.topology import Topology
from tests.containers import contained_broker
from tests.databases import MariaDb, PostgreSql, serving
from tests.servers import Server

hypothesis.settings.register_profile("mxmesh", deadline=None)  # the first call of a kernel compiles it
hypothesis.settings.load_profile("mxmesh")

QUICK = Policy(redeliveries=1, redelivery_s=1.0)


def settings_of(broker: LocalBroker, **more: object) -> BrokerSettings:
    """How to reach a local broker; quick to notice what is wrong."""
    fixed = {"url": broker.url, "user": broker.user, "password": broker.password, "connect_timeout_s": 5}
    return BrokerSettings.model_validate(fixed | more)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSettings]:
    """One ActiveMQ for all tests: in a container where $MXMESH_ACTIVEMQ_IMAGE names an image, else a local process."""
    directory = tmp_path_factory.mktemp("activemq")
    if image := os.environ.get("MXMESH_ACTIVEMQ_IMAGE"):
        with contained_broker(image, directory, QUICK) as settings:
            yield settings
    else:
        with LocalBroker(directory, policy=QUICK) as local:
            yield settings_of(local)


@pytest.fixture
def topology() -> Topology:
    """Destinations that no other test uses."""
    return Topology(prefix=f"t{secrets.token_hex(4)}.")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A running broker that the test may kill and start again; with TLS connectors."""
    with LocalBroker(tmp_path / "broker", tls=True, policy=QUICK) as local:
        yield local


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    with serving(PostgreSql) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    with serving(MariaDb) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that a service may be given."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/database.sqlite"
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return await server.new_database()

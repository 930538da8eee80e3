"""What tests want of a database server, wherever it runs."""

from abc import ABC, abstractmethod

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

START_TIMEOUT_S = 30.0


class Server(ABC):
    """A server that may be killed and started again; what it stored stays."""

    def __init__(self) -> None:
        self._n_databases = 0

    @abstractmethod
    def start(self) -> None:
        """Return once it answers."""

    @abstractmethod
    def kill(self) -> None:
        """At once, with all its processes, as by a loss of power."""

    @abstractmethod
    def url(self, database: str) -> str:
        """SQLAlchemy's."""

    @property
    @abstractmethod
    def maintenance(self) -> str:
        """A database that is there from the beginning."""

    async def new_database(self) -> str:
        """The URL of an empty one."""
        self._n_databases += 1
        name = f"test_{self._n_databases}"
        engine = create_async_engine(self.url(self.maintenance), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await engine.dispose()
        return self.url(name)

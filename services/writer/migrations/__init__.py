"""The database's way to the present schema: revisions, written by hand, applied at the writer's start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.transactions import Transactions

VERSION_TABLE = "writer_version"


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", Path(__file__).parent.as_posix())
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(transactions: Transactions) -> None:
    """Bring a database to the newest revision, whole or not at all where its kind knows transactional DDL.

    Raises:
        alembic.util.CommandError: the database was made by a newer writer.
    """

    async def work(connection: AsyncConnection) -> None:
        if transactions.dialect == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        await connection.run_sync(_upgrade)

    await transactions.write(work)


def _upgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

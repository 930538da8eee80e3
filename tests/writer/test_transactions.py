"""What is waited out, and what is not."""

import sqlite3
from contextlib import closing

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from shared.transactions import Transactions, is_transient

INSERT = text("INSERT INTO collections (beamline, id, visit, unreported) VALUES ('i03', 1, 'cm1-1', 0)")


async def count(connection):
    return await connection.scalar(text("SELECT count(*) FROM collections"))


class PostgresError(Exception):
    def __init__(self, sqlstate):
        self.sqlstate = sqlstate


class UnreachableError(OSError):
    """Nobody listens on the database's port."""


def wrapped(kind, cause):
    return kind("SELECT 1", {}, cause)


@pytest.mark.parametrize(
    ("fault", "transient"),
    [
        (wrapped(DBAPIError, PostgresError("57P03")), True),
        (wrapped(OperationalError, PostgresError("08006")), True),
        (wrapped(DBAPIError, PostgresError("40P01")), True),
        (wrapped(ProgrammingError, PostgresError("42P01")), False),
        (wrapped(IntegrityError, PostgresError("23505")), False),
        (wrapped(OperationalError, RuntimeError(2013, "lost connection")), True),
        (wrapped(OperationalError, RuntimeError(1054, "unknown column")), False),
        (wrapped(OperationalError, RuntimeError("connection refused")), True),
        (wrapped(ProgrammingError, RuntimeError("syntax")), False),
        (ConnectionRefusedError(), True),
        (ValueError(), False),
    ],
)
def test_only_a_database_that_is_away_is_waited_for(fault, transient):
    assert is_transient(fault) is transient


async def test_a_wrong_schema_is_reported_at_once(sqlite):
    with pytest.raises(OperationalError, match="no such table"), anyio.fail_after(2):
        await Transactions(sqlite, patience_s=60).write(lambda connection: connection.execute(text("DROP TABLE x")))


async def test_a_database_that_comes_back_is_waited_for(sqlite):
    attempts = []

    async def work(connection):
        attempts.append(connection)
        if len(attempts) < 3:
            raise UnreachableError
        return "done"

    assert await Transactions(sqlite, patience_s=60).write(work) == "done"
    assert len(attempts) == 3


async def test_patience_ends(sqlite):
    async def work(_):
        raise UnreachableError

    with pytest.raises(UnreachableError):
        await Transactions(sqlite, patience_s=0.1).read(work)


async def test_a_file_that_another_program_has_locked_is_waited_for(sqlite):
    async def work(connection):
        await connection.execute(text("PRAGMA busy_timeout = 1"))
        await connection.execute(text("DELETE FROM shells"))

    with closing(sqlite3.connect(sqlite.url.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Transactions(sqlite, patience_s=60).write, work)
            await anyio.sleep(0.02)
            other.rollback()


async def test_work_that_fails_leaves_nothing(sqlite):
    async def work(connection):
        await connection.execute(INSERT)
        raise ValueError("halfway")

    transactions = Transactions(sqlite, patience_s=1)
    with pytest.raises(ValueError, match="halfway"):
        await transactions.write(work)
    assert await transactions.read(count) == 0


async def test_a_transaction_that_has_begun_is_finished_even_when_cancelled(sqlite):
    transactions, begun = Transactions(sqlite, patience_s=1), anyio.Event()

    async def work(connection):
        begun.set()
        await connection.execute(INSERT)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(transactions.write, work)
        await begun.wait()
        tasks.cancel_scope.cancel()
    assert await transactions.read(count) == 1


async def test_waiting_for_the_database_can_be_cancelled(sqlite):
    async def work(_):
        raise UnreachableError

    with anyio.move_on_after(0.1) as waiting:
        await Transactions(sqlite, patience_s=60).write(work)
    assert waiting.cancelled_caught

"""The revisions lead exactly to the schema that the code uses."""

import re
from io import StringIO

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from services.writer.migrations import VERSION_TABLE, configuration, upgrade
from services.writer.schema import collections, images, metadata
from shared.database import open_database
from shared.messages import now
from shared.transactions import Transactions
from tests.results import START

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect(), "mysql": mysql.dialect()}


def clauses(statement):
    """A statement without regard to the order of its table constraints."""
    return frozenset(line.strip(" \t,;)") for line in statement.strip().splitlines()) - {""}


def wanted(dialect):
    for table in metadata.sorted_tables:
        yield CreateTable(table).compile(dialect=dialect)
        yield from (CreateIndex(index).compile(dialect=dialect) for index in table.indexes)


@pytest.mark.parametrize("name", DIALECTS)
def test_the_revisions_make_exactly_the_tables_of_the_schema(name):
    config, script = configuration(), StringIO()
    config.attributes["dialect"] = name
    config.output_buffer = script
    command.upgrade(config, "head", sql=True)

    statements = re.findall(r"^CREATE .*?;$", script.getvalue(), re.DOTALL | re.MULTILINE)
    added = re.findall(r"^ALTER TABLE (\w+) ADD COLUMN (.*?);$", script.getvalue(), re.MULTILINE)
    made = {clauses(widened(statement, added)) for statement in statements if VERSION_TABLE not in statement}
    assert made == {clauses(str(statement)) for statement in wanted(DIALECTS[name])}


def widened(statement, added):
    """What makes a table, with the columns that later revisions add to it."""
    columns = [column for table, column in added if statement.startswith(f"CREATE TABLE {table} (")]
    return "\n".join([statement, *columns])


async def test_alembic_finds_no_difference_after_the_upgrade(engine):
    def compare(connection):
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return compare_metadata(context, metadata)

    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_a_second_upgrade_changes_nothing(engine):
    await upgrade(Transactions(engine, patience_s=1))
    async with engine.connect() as connection:
        assert (await connection.scalars(text("SELECT version_num FROM writer_version"))).all() == ["0002"]


async def test_an_upgrade_that_fails_leaves_nothing_behind(tmp_path):
    """Else the next start would stumble over half of the tables."""
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/writer.sqlite") as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE shells (in_the_way INTEGER)"))
        with pytest.raises(Exception, match="shells already exists"):
            await upgrade(Transactions(engine, patience_s=1))
        async with engine.connect() as connection:
            tables = (await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))).all()
        assert tables == ["shells"]


async def test_a_record_of_the_first_revision_is_dated_by_what_is_known_of_it(database_url):
    """Images count from the acceptance; where none is known, from now, so that nothing goes too early."""
    accepted, unknown = ({"beamline": "i03", "id": n, "visit": "cm12345-1", "unreported": False} for n in (1, 2))
    image = {"beamline": "i03", "image": 0, "found_at": START, "failure": "truncated"}
    before = now()
    async with open_database(database_url) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(step, command.upgrade, "0001")
            await connection.execute(insert(collections), [accepted | {"accepted_at": START}])
            await connection.execute(insert(collections), [unknown, unknown | {"id": 3}])
            await connection.execute(insert(images), [image | {"collection_id": n} for n in (1, 2)])
        await upgrade(Transactions(engine, patience_s=1))
        async with engine.connect() as connection:
            rows = {row.id: row for row in await connection.execute(select(collections))}
    assert (rows[1].recorded_at, rows[1].images_since) == (START, START)
    assert before <= rows[2].recorded_at == rows[2].images_since <= now()
    assert (rows[3].images_since, rows[3].images_removed_at) == (None, None)


def step(connection, direction, revision):
    config = configuration()
    config.attributes["connection"] = connection
    direction(config, revision)


async def test_the_way_back_leaves_no_table(engine):
    async with engine.begin() as connection:
        await connection.run_sync(step, command.downgrade, "base")
        tables = await connection.run_sync(lambda connection: inspect(connection).get_table_names())
    assert tables == [VERSION_TABLE]

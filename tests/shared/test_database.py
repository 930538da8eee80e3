"""SQLite's files stay small; tables of an earlier version get what they lack."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, inspect, select, text

from shared.database import UnixMoment, complete, open_database, transaction

LIMIT_BYTES = 16 * 2**20


async def test_the_journal_of_sqlite_shrinks_again_once_a_long_reader_is_gone(tmp_path):
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/big.sqlite") as engine:
        await fill(engine, 1)
        async with engine.connect() as reader:
            await reader.exec_driver_sql("BEGIN")
            await reader.exec_driver_sql("SELECT count(*) FROM filling")
            await fill(engine, 24)
            assert journal_bytes(tmp_path) > LIMIT_BYTES
            await reader.rollback()
        await fill(engine, 1)
        await fill(engine, 1)
        assert journal_bytes(tmp_path) <= LIMIT_BYTES


async def fill(engine, n_mebibytes):
    for _ in range(n_mebibytes):
        async with transaction(engine) as connection:
            await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (body BLOB)")
            await connection.exec_driver_sql("INSERT INTO filling VALUES (zeroblob(1048576))")


def journal_bytes(folder):
    return (folder / "big.sqlite-wal").stat().st_size


async def test_pages_that_removal_freed_are_used_again(tmp_path):
    file = tmp_path / "big.sqlite"
    async with open_database(f"sqlite+aiosqlite:///{file}") as engine:
        for _ in range(3):
            await fill(engine, 8)
            async with transaction(engine) as connection:
                await connection.exec_driver_sql("DELETE FROM filling")
    assert file.stat().st_size < 9 * 2**20


def table(metadata, *later):
    return Table("notes", metadata, Column("id", Integer, primary_key=True), Column("text", String(8)), *later)


async def test_a_table_of_an_earlier_version_gets_its_new_columns_and_indexes(database_url):
    at = datetime(2026, 11, 23, 12, 0, 0, 250000, tzinfo=UTC)
    newer = MetaData()
    wide = table(newer, Column("at", UnixMoment, comment="it's 100 % new"), Index("notes_at", "at"))
    earlier = MetaData()
    narrow = table(earlier)
    async with open_database(database_url) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(complete, earlier)
            await connection.execute(narrow.insert().values(id=1, text="old"))
        for _ in range(2):  # the second finds nothing to do
            async with engine.begin() as connection:
                await connection.run_sync(complete, newer)
        async with engine.begin() as connection:
            await connection.execute(wide.insert().values(id=2, text="new", at=at))
            rows = (await connection.execute(select(wide).order_by(wide.c.id))).all()
            indexes = await connection.run_sync(lambda connection: inspect(connection).get_indexes("notes"))
            seconds = await connection.scalar(text("SELECT at FROM notes WHERE id = 2"))
    assert rows == [(1, "old", None), (2, "new", at)]
    assert [index["name"] for index in indexes] == ["notes_at"]
    assert seconds == pytest.approx(at.timestamp())

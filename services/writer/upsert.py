"""INSERT that meets an existing row, in the dialects of SQLite, PostgreSQL and MariaDB."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

Incoming = ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]
Changes = Callable[[Incoming], Mapping[str, ColumnElement[Any]]]


def upsert(dialect: str, table: Table, changes: Changes) -> Insert:
    """Insert rows; where a row of the same primary key stands, change some of its columns.

    Args:
        dialect: SQLAlchemy's name of it.
        table: with a primary key and no other unique constraint.
        changes: from the incoming row's columns to the new values by column name. MariaDB assigns them in this order
            and sees the columns it has already assigned, so a column that the others depend on comes last.

    Raises:
        ValueError: another dialect.
    """
    match dialect:
        case "sqlite":
            lite = sqlite.insert(table)
            return lite.on_conflict_do_update(index_elements=table.primary_key, set_=changes(lite.excluded))
        case "postgresql":
            post = postgresql.insert(table)
            return post.on_conflict_do_update(index_elements=table.primary_key, set_=changes(post.excluded))
        case "mysql" | "mariadb":
            maria = mysql.insert(table)
            return maria.on_duplicate_key_update(list(changes(maria.inserted).items()))
    raise ValueError(f"the record knows sqlite, postgresql, mysql and mariadb, not {dialect}")


def insert_once(dialect: str, table: Table) -> Insert:
    """Insert rows; a row of the same primary key stays as it is."""
    key = table.primary_key.columns[0]
    return upsert(dialect, table, lambda _: {key.name: key})

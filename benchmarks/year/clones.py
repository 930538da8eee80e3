"""Rows that a service left of one collection, written again under the ids and moments of others."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ID, VISIT = 70_000_001, "cm70001-1"
"""The collection that a template is made from: numbers that stand nowhere else in its rows."""
AT = datetime.fromisoformat("2001-02-03T04:05:06.789012+00:00")
QUICK = ("journal_mode=WAL", "synchronous=OFF", "cache_size=-262144")


@dataclass(frozen=True)
class Rows:
    """Of one table; ``heavy`` rows are a block's results, left out where none will be looked at."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    heavy: tuple[bool, ...]


@dataclass(frozen=True)
class Template:
    """What one collection leaves in a database, tables that others refer to first."""

    tables: tuple[Rows, ...]

    @classmethod
    def of(cls, file: Path, tables: Iterable[str]) -> "Template":
        """Everything that stands in those tables."""
        with sqlite3.connect(file) as connection:
            return cls(tuple(_read(connection, table) for table in tables))

    def clone(self, connection: sqlite3.Connection, dcid: int, visit: str, at: datetime, *, whole: bool) -> None:
        """Write it for another collection; if not whole, with one of its blocks only."""
        for rows in self.tables:
            marks = ", ".join("?" * len(rows.columns))
            statement = f"INSERT INTO {rows.table} ({', '.join(rows.columns)}) VALUES ({marks})"  # noqa: S608 - names of ours
            connection.executemany(statement, _moved(rows, dcid, visit, at, whole=whole))


def _read(connection: sqlite3.Connection, table: str) -> Rows:
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a name of ours
    names = [column[0] for column in cursor.description]
    chosen = [n for n, name in enumerate(names) if (table, name) != ("events", "id")]
    rows = tuple(tuple(row[n] for n in chosen) for row in cursor)
    columns = tuple(f'"{names[n]}"' for n in chosen)
    return Rows(table, columns, rows, _heavy(table, [name.strip('"') for name in columns], rows))


def _heavy(table: str, names: list[str], rows: tuple[tuple[Any, ...], ...]) -> tuple[bool, ...]:
    if table == "images":
        return tuple(row[names.index("image")] > 0 for row in rows)
    if table == "events":
        spots = [row[names.index("kind")] == "SpotsFound" for row in rows]
        return tuple(is_spots and n > spots.index(True) for n, is_spots in enumerate(spots))
    return (False,) * len(rows)


def _moved(rows: Rows, dcid: int, visit: str, at: datetime, *, whole: bool) -> Iterator[tuple[Any, ...]]:
    values = {
        str(ID): str(dcid),
        VISIT: visit,
        AT.replace(tzinfo=None).isoformat(" "): at.replace(tzinfo=None).isoformat(" ", "microseconds"),
    }
    numbers = {ID: dcid, AT.timestamp(): at.timestamp()}
    known: dict[Any, Any] = dict(numbers)
    for row, heavy in zip(rows.rows, rows.heavy, strict=True):
        if whole or not heavy:
            yield tuple([_one(value, values, known) for value in row])


def _one(value: Any, values: dict[str, str], known: dict[Any, Any]) -> Any:  # noqa: ANN401 - whatever SQLite keeps
    if not isinstance(value, str):
        return known.get(value, value)
    if (moved := known.get(value)) is None:
        moved = value
        for old, new in values.items():
            moved = moved.replace(old, new)
        if len(value) < 100:  # noqa: PLR2004 - short ones repeat, long ones would fill the memory
            known[value] = moved
    return moved


def open_quickly(file: Path) -> sqlite3.Connection:
    """A connection for filling: what stands in it need not survive the machine."""
    connection = sqlite3.connect(file)
    for pragma in QUICK:
        connection.execute(f"PRAGMA {pragma}")
    return connection

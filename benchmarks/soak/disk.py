"""Bytes and files of the mesh on disk, by what they are."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from benchmarks.soak.judgement import Row, Rule
from shared.topology import SERVICES

MB = 1e6
PER_COLLECTION_MB = 1e-3
WAL_FLOOR_MB, STORE_FLOOR_MB = 8.0, 4.0
FILES_FLOOR, FILES_PER_COLLECTION = 5.0, 0.1


def on_disk(home: Path, data: Path) -> dict[Row, float]:
    """All of it; what is gone between two looks at it does not count."""
    kept = {**_databases(home), **_said(home), **_runs(home / "runs", data)}
    return {**kept, **_store(home / "broker" / "data"), **_rest(home)}


def _databases(home: Path) -> dict[Row, float]:
    """Pages in use, write-ahead log included, grow with each row; the files by checkpoints, in steps."""
    found: dict[Row, float] = {}
    for file in sorted(home.glob("*.sqlite")):
        found[Row("databases", f"{file.name}, pages in use", "MB", PER_COLLECTION_MB, Rule.KEPT)] = _in_use(file) / MB
        found[Row("databases", file.name, "MB", 0.0, Rule.TOLD)] = _bytes([file]) / MB
        found[Row("databases", f"{file.name}-wal", "MB", WAL_FLOOR_MB)] = (
            _bytes([file.with_name(f"{file.name}-wal")]) / MB
        )
    return found


def _in_use(file: Path) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as database:
        n_pages, n_free, size = (_pragma(database, name) for name in ("page_count", "freelist_count", "page_size"))
    return (n_pages - n_free) * size


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _store(folder: Path) -> dict[Row, float]:
    """The broker's; journals are files of 32 MB that come and go."""
    files = _files(folder)
    journals = [file for file in files if file.name.startswith("db-")]
    return {
        Row("broker's store", "journals", "MB", 0.0, Rule.TOLD): _bytes(journals) / MB,
        Row("broker's store", "all but journals", "MB", STORE_FLOOR_MB): _bytes(set(files) - set(journals)) / MB,
        Row("files", "broker's journals", "files", 2.0): len(journals),
    }


def _said(home: Path) -> dict[Row, float]:
    """Logs and spans, with those that were rotated away."""
    folders = {"log": home / "logs", "spans": home / "spans"}
    found = {
        Row("logs and spans", f"{what} of {name}", "MB", PER_COLLECTION_MB, Rule.KEPT): _bytes(folder.glob(f"{name}*"))
        / MB
        for what, folder in folders.items()
        for name in SERVICES
    }
    broker = Row("logs and spans", "log of the broker", "MB", PER_COLLECTION_MB, Rule.KEPT)
    both = Row("files", "logs and spans", "files", FILES_PER_COLLECTION, Rule.KEPT)
    n_files = sum(len(_files(folder)) for folder in folders.values())
    return {**found, broker: _bytes((home / "broker").glob("broker.log*")) / MB, both: n_files}


def _runs(state: Path, data: Path) -> dict[Row, float]:
    """What the launcher remembers, and what its runs leave to users."""
    found: dict[Row, float] = {}
    for name, folder in {"launcher's state": state, "runs' working folders": data / "cm12345-1" / "processed"}.items():
        files = _files(folder)
        found[Row("runs", name, "MB", PER_COLLECTION_MB, Rule.KEPT)] = _bytes(files) / MB
        found[Row("files", name, "files", FILES_PER_COLLECTION, Rule.KEPT)] = len(files)
    return found


def _rest(home: Path) -> dict[Row, float]:
    others = [file for file in _files(home) if file.relative_to(home).parts[0] not in ("logs", "spans", "runs")]
    return {Row("files", "all else in the mesh's folder", "files", FILES_FLOOR): len(others)}


def _files(folder: Path) -> list[Path]:
    return [Path(below) / name for below, _, names in os.walk(folder) for name in names]


def _bytes(files: Iterable[Path]) -> int:
    """As long as they are, which for the broker's journals is more than they take."""
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total

"""How SQLite would run the statements of a piece of code: by index, or by reading a whole table."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@dataclass
class Plans:
    """SQLite's plan of each statement, line by line."""

    by_statement: dict[str, list[str]] = field(default_factory=dict)

    @property
    def scans(self) -> dict[str, list[str]]:
        """Statements that read a whole table or index, with those lines of their plans."""
        found = {sql: [line for line in lines if _reads_all(line)] for sql, lines in self.by_statement.items()}
        return {sql: lines for sql, lines in found.items() if lines}


def _reads_all(line: str) -> bool:
    return line.startswith("SCAN") and line != "SCAN CONSTANT ROW"


@contextmanager
def explained() -> Iterator[Plans]:
    """Ask SQLite for the plan of every statement meanwhile."""
    plans = Plans()

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: Any) -> None:
        del context
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) and statement not in plans.by_statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters)
            plans.by_statement[statement] = [row[3] for row in cursor.fetchall()]

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", explain)

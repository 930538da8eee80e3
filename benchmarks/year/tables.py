"""What was found, as Markdown."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.year.course import Look

Cell = Callable[[Look], float | None]


def tables_of(name: str, looks: Sequence[Look]) -> str:
    """Sizes, questions and removal of one database, one column for each age."""
    last = looks[-1]
    sizes: dict[str, Cell] = {f"{table}, rows": _rows(table) for table in last.rows}
    sizes |= {f"{table}, MiB": _mebibytes(table) for table in last.rows}
    sizes |= {f"{file} [MiB]": _file(file) for file in last.files_mib}
    sizes["of these free, to be used again [MiB]"] = lambda look: look.free_mib
    removal: dict[str, Cell] = {
        "rows of an hourly round": lambda look: look.removal["rows"],
        "its batches": lambda look: look.removal["batches"],
        "time of the round without its pauses [s]": lambda look: look.removal["seconds"],
        "a batch, median of its CPU [ms]": lambda look: look.removal["cpu_ms"],
        "its longest batch, and so the longest lock [ms]": lambda look: look.removal["longest_ms"],
    }
    questions: dict[str, Cell] = {f"{question} [ms]": _question(question) for question in last.questions_ms}
    heads = {"size": sizes, "question, median of its CPU": questions, "removal": removal}
    return "\n\n".join(_table(f"{name}: {head}", looks, cells) for head, cells in heads.items())


def _rows(table: str) -> Cell:
    return lambda look: look.rows[table]


def _mebibytes(table: str) -> Cell:
    return lambda look: look.mebibytes[table]


def _file(file: str) -> Cell:
    return lambda look: look.files_mib.get(file)


def _question(question: str) -> Cell:
    return lambda look: look.questions_ms[question]


def _table(head: str, looks: Sequence[Look], cells: dict[str, Cell]) -> str:
    lines = [_row([head, *(f"{look.days} days" for look in looks), "last : first"]), _row(["---"] * (len(looks) + 2))]
    for name, cell in cells.items():
        values = [cell(look) for look in looks]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] and values[-1] is not None else "-"
        lines.append(_row([name, *map(_said, values), ratio]))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _said(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004

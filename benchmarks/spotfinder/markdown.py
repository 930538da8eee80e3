"""Tables as ``benchmarks/README.md`` has them."""

from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with its header."""
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float | None, digits: int = 3, unit: str = "") -> str:
    """To so many significant digits, without an exponent; a dash if there is none."""
    if value is None:
        return "-"
    rounded = float(f"{value:.{digits}g}")
    return f"{int(rounded):,}{unit}" if rounded >= 10 ** (digits - 1) else f"{rounded:g}{unit}"

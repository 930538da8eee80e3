"""What a user may set of a pipeline: typed, within ranges, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.messages import Parameters

Value = str | int | float | bool
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class ParameterError(ValueError):
    """A parameter that the pipeline does not have, or a value that it cannot take."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number within a closed range."""

    name: str
    help: str
    low: float
    high: float
    unit: str = ""
    whole: bool = False

    @property
    def expected(self) -> str:
        """In words."""
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g} {self.unit}".rstrip()

    def read(self, value: Value) -> Value:
        """The value as a number; raises ValueError."""
        number = float(value) if not isinstance(value, bool) else float("nan")
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            raise ValueError(value)
        return int(number) if self.whole else number


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    name: str
    help: str
    expected: str = "true or false"

    def read(self, value: Value) -> Value:
        """The value as a truth value; raises ValueError."""
        try:
            return TRUTH[str(value).lower()]
        except KeyError:
            raise ValueError(value) from None


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of several."""

    name: str
    help: str
    options: tuple[str, ...]

    @property
    def expected(self) -> str:
        """In words."""
        return f"one of {', '.join(self.options)}"

    def read(self, value: Value) -> Value:
        """The value if it is an option; raises ValueError."""
        if value not in self.options:
            raise ValueError(value)
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a given form; ``expected`` describes the form in words."""

    name: str
    help: str
    pattern: str
    expected: str

    def read(self, value: Value) -> Value:
        """The value if it has the form; raises ValueError."""
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise ValueError(value)
        return value


Parameter = Number | Flag | Choice | Text


def read_parameters(allowed: Sequence[Parameter], asked: Parameters) -> dict[str, Value]:
    """Check and convert what was asked for.

    Raises:
        ParameterError: says which parameters there are, or which values one of them takes.
    """
    known = {parameter.name: parameter for parameter in allowed}
    return {name: _read(known, name, value) for name, value in asked.items()}


def _read(known: Mapping[str, Parameter], name: str, value: Value) -> Value:
    if name not in known:
        raise ParameterError(f"there is no parameter {name!r}; there are {', '.join(known)}")
    try:
        return known[name].read(value)
    except ValueError:
        raise ParameterError(f"{name}={value} is refused: {known[name].expected} ({known[name].help})") from None

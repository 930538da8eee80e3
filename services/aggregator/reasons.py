"""What is wrong, how bad it is, and what to do about it. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is, from good to bad."""

    ALL_RIGHT = "all right"
    LOOK_HERE = "look here"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not as it should be.

    Attributes:
        verdict: how bad.
        what: what is wrong, in words.
        remedy: what to do about it.
        command: what to type, if that helps.
        collection: the data collection to look at, such as ``i03/42``.
    """

    verdict: Verdict
    what: str
    remedy: str
    command: str | None = None
    collection: str | None = None


def count(n: int, noun: str) -> str:
    """A number with its noun, in the plural where that is due."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"

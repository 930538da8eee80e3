"""What slurmrestd answers, whichever version it speaks: values are told by their shape. Pure."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

FINAL = frozenset(
    {
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"),
        *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
    }
)
LAUNCH_FAILURE = 53
UNKNOWN_JOB = 2017
BUSY = frozenset({2016, 2068})
"""Nodes are taken, drained or down: the job waits for them, as it should."""


def read_number(value: object) -> object:
    """A plain number up to v0.0.38, {set, infinite, number} after it."""
    if isinstance(value, Mapping):
        return value.get("number") if value.get("set") else None
    return value


def read_states(value: object) -> object:
    """One word up to v0.0.39, a list with flags such as COMPLETING after it."""
    return (value,) if isinstance(value, str) else value or ()


def read_exit(value: object) -> object:
    """A status as of wait(2) up to v0.0.38, a structure after it."""
    if isinstance(value, Mapping):
        signal = value.get("signal") or {}
        number = read_number(signal.get("id", signal.get("signal_id")))
        return {"status": read_number(value.get("return_code")) or 0, "signal": number or 0}
    if isinstance(value, int):
        return {"status": value >> 8 & 0xFF, "signal": value & 0x7F}
    return value or {}


class Part(BaseModel):
    """A part of an answer, of which we read little."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Exit(Part):
    """How a job's script ended; ``signal`` is 0 unless one ended it."""

    status: int = 0
    signal: int = 0


class SlurmJob(Part):
    """A job, as Slurm sees it."""

    job_id: int
    name: str = ""
    states: Annotated[tuple[str, ...], BeforeValidator(read_states)] = Field(default=(), alias="job_state")
    state_reason: str | None = None
    exit: Annotated[Exit, BeforeValidator(read_exit)] = Field(default=Exit(), alias="exit_code")
    nodes: str | None = None

    @property
    def state(self) -> str:
        """Its one state; flags beside it are left out."""
        final = next((state for state in self.states if state in FINAL), None)
        return final or (self.states[0] if self.states else "UNKNOWN")

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in FINAL and "COMPLETING" not in self.states


class Fault(Part):
    """Something slurmrestd complains of; the keys differ between calls and versions."""

    number: int = Field(default=0, validation_alias=AliasChoices("error_number", "error_code"))
    description: str = ""
    error: str = ""
    source: str = ""

    def __str__(self) -> str:
        words = ": ".join(word for word in (self.error, self.description) if word)
        return f"{words or 'no reason given'} ({self.number})"


class Answer(Part):
    """An answer to any call."""

    jobs: tuple[SlurmJob, ...] = ()
    job_id: int | None = None
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Errors that are some; a list may hold the empty one of a success."""
        return tuple(fault for fault in self.errors if fault.number or fault.description or fault.error)

    @property
    def never_starts(self) -> bool:
        """Whether Slurm took a job that would wait for ever."""
        return any(fault.number not in BUSY for fault in self.faults)

    @property
    def words(self) -> str:
        """The errors in Slurm's words."""
        return "; ".join(map(str, self.faults))

"""Numbers and moments as people read them: template filters. Pure."""

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from services.aggregator.pulses import Condition, span
from services.aggregator.reasons import Verdict
from services.aggregator.record import Phase
from shared.messages import RunState, UnitCell

BYTES_OF_A_GIGABYTE = 1e9
ABSENT = "\N{EN DASH}"
Filter = Callable[..., str]


def seconds(value: float | None) -> str:
    """A duration given in seconds, with its unit."""
    return ABSENT if value is None else span(timedelta(seconds=value))


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with thin spaces between thousands, and its unit."""
    if value is None:
        return ABSENT
    return f"{value:,.{digits}f}".replace(",", "\u202f") + (f"\u00a0{unit}" if unit else "")


def size(n_bytes: float | None) -> str:
    """A size in MB or GB, of thousands."""
    if n_bytes is None:
        return ABSENT
    return number(n_bytes / 1e6, 1, "MB") if n_bytes < BYTES_OF_A_GIGABYTE else number(n_bytes / 1e9, 1, "GB")


def local(moment: datetime) -> str:
    """Local time; with the date if that is not today, with the zone in the hour that comes twice in autumn."""
    here = moment.astimezone()
    today = here.date() == datetime.now(UTC).astimezone().date()
    return f"{here:%H:%M:%S}{_zone(here)}" if today else f"{here:%d %b %H:%M:%S}{_zone(here)}"


def _zone(here: datetime) -> str:
    face = here.replace(tzinfo=None)
    comes_twice = face.replace(fold=0).timestamp() != face.replace(fold=1).timestamp()
    return f" {here:%Z}" if comes_twice else ""


def utc(moment: datetime) -> str:
    """UTC, to the millisecond."""
    there = moment.astimezone(UTC)
    return f"{there:%Y-%m-%d %H:%M:%S}.{there.microsecond // 1000:03d} UTC"


def cell(value: UnitCell | None) -> str:
    """A unit cell: lengths in ångström, angles in degrees."""
    if value is None:
        return ABSENT
    a, b, c, alpha, beta, gamma = value
    return f"{a:.2f}, {b:.2f}, {c:.2f} Å; {alpha:.2f}, {beta:.2f}, {gamma:.2f}°"


def ago(moment: datetime) -> str:
    """How long ago something was."""
    return f"{span(max(timedelta(), datetime.now(UTC) - moment))} ago"


def command(arguments: Sequence[str]) -> str:
    """An argument vector as a line to paste into a shell."""
    return shlex.join(arguments)


TONES: dict[str, set[str]] = {
    "good": {Phase.CENTRED, Phase.PROCESSED, RunState.SUCCEEDED, Condition.ALIVE, Verdict.ALL_RIGHT},
    "busy": {Phase.FINDING, Phase.CENTRING, Phase.PROCESSING, RunState.RUNNING},
    "warn": {Phase.NO_CRYSTAL, Phase.ABORTED, RunState.CANCELLED, Verdict.LOOK_HERE, "waits", "does not tell"},
    "bad": {
        Phase.FAILED,
        RunState.FAILED,
        RunState.TIMED_OUT,
        RunState.LOST,
        Condition.SILENT,
        Condition.NEVER_HEARD,
        Verdict.BROKEN,
    },
}


def tone(word: str) -> str:
    """Which colour and symbol a state is shown with; the word is always shown, too."""
    return next((name for name, words in TONES.items() if word in words), "calm")


STATISTICS_ROWS: Sequence[tuple[str, str, int, str]] = (  # title, field of Shell, digits, unit
    ("completeness", "completeness_percent", 1, "%"),
    ("multiplicity", "multiplicity", 1, ""),
    ("mean I/\u03c3(I)", "i_over_sigma", 1, ""),
    ("CC\u00bd", "cc_half", 3, ""),
    ("Rmerge (I+/I-)", "r_merge", 3, ""),
    ("Rmeas", "r_meas", 3, ""),
    ("Rpim", "r_pim", 3, ""),
    ("Rmeas (I+/I-)", "r_meas_anomalous", 3, ""),
    ("Rpim (I+/I-)", "r_pim_anomalous", 3, ""),
    ("anomalous completeness", "anomalous_completeness_percent", 1, "%"),
    ("anomalous multiplicity", "anomalous_multiplicity", 1, ""),
    ("anomalous CC", "cc_anomalous", 3, ""),
    ("observations", "n_observations", 0, ""),
    ("unique reflections", "n_unique", 0, ""),
)
FILTERS: dict[str, Filter] = {
    "seconds": seconds,
    "number": number,
    "size": size,
    "local": local,
    "utc": utc,
    "cell": cell,
    "ago": ago,
    "command": command,
    "tone": tone,
}

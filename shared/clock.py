"""The two clocks of a process: the wall clock, which somebody may put, and how long the process was awake."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, NamedTuple, NoReturn

import anyio

from shared.messages import ClockJump

TICK_S: Final = 1.0  # between two looks of a clock that is watched
STILL_S: Final = 5.0  # a longer pause between them: the process, or the whole machine, stood still
PUT_S: Final = 1.0  # a wall clock that left the machine's own by so much was put; NTP's corrections slew both alike
TOLD_PUT_S: Final = 5.0  # what is worth an operator's look
TOLD_STILL_S: Final = 60.0
TOLD_FOR_S: Final = 3600.0
REMEMBERED: Final = 1000  # waits; more are hardly under way at once
AT_ONCE_S: Final = 0.1  # two readings that are farther apart say nothing of each other
log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """What a machine's clocks say at one moment.

    Attributes:
        wall_s: since 1970 [s].
        machine_s: since its start, suspended or not [s].
        running_s: the same, without the time for which it was suspended [s].
    """

    wall_s: float
    machine_s: float
    running_s: float


def read_machine() -> Reading:
    """This machine's clocks."""
    for _ in range(10):
        before = machine_s()
        reading = Reading(time.time(), machine_s(), time.monotonic())
        if reading.machine_s - before < AT_ONCE_S:
            break
    return reading


def machine_s() -> float:
    """How long this machine has been up, suspended or not [s]."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Tells the time, measures durations that no clock can spoil, and notices when the wall clock leaves them.

    Unless it is watched, it cannot tell that the process stood still: it is awake whenever the machine is.

    Args:
        read: what the machine's clocks say.
        watched: whether somebody looks every second, which ``watch`` does.

    Attributes:
        on_jump: called with what happened, before the first time is told that knows of it.
    """

    def __init__(self, read: Callable[[], Reading] = read_machine, *, watched: bool = False) -> None:
        self.on_jump: list[Callable[[ClockJump], None]] = []
        self._read = read
        self._last = read()
        self._apart_s = self._last.wall_s - self._last.machine_s
        self._awake_s = 0.0
        self._watched = watched
        self._told: tuple[ClockJump, float] | None = None
        self._looking = Lock()

    def now(self) -> datetime:
        """The present moment by the wall clock, in UTC."""
        self._look()
        return datetime.fromtimestamp(self._last.wall_s, UTC)

    def awake(self) -> float:
        """How long the process has been awake: what was due while it stood still is due as much later [s]."""
        self._look()
        return self._awake_s

    def worth_telling(self) -> ClockJump | None:
        """The last jump of the past hour that an operator should know of."""
        self._look()
        if self._told and self._last.machine_s - self._told[1] < TOLD_FOR_S:
            return self._told[0]
        return None

    async def watch(self) -> NoReturn:
        """Look every second, so that a longer pause says that the process stood still."""
        self._look()
        self._watched = True
        try:
            while True:
                self._look()
                await anyio.sleep(TICK_S)
        finally:
            self._watched = False

    def _look(self) -> None:
        with self._looking:
            jump = self._notice(self._read())
        if jump:
            for heed in self.on_jump:
                heed(jump)

    def _notice(self, seen: Reading) -> ClockJump | None:
        passed_s = seen.machine_s - self._last.machine_s
        still_s = passed_s - TICK_S if self._watched and passed_s > STILL_S else 0.0
        self._awake_s += passed_s - still_s if self._watched else seen.running_s - self._last.running_s
        put_s = seen.wall_s - seen.machine_s - self._apart_s
        put_s = put_s if abs(put_s) > PUT_S else 0.0
        self._last = seen
        self._apart_s += put_s
        if not (put_s or still_s):
            return None
        jump = ClockJump(put_s=put_s, still_s=still_s, at=datetime.fromtimestamp(seen.wall_s, UTC))
        if abs(put_s) > TOLD_PUT_S or still_s > TOLD_STILL_S:
            self._told = jump, seen.machine_s
            log.warning("%s", jump)
        return jump


process_clock: Final = Clock()
"""This process's own, watched by the service loop."""


@dataclass
class _Due:
    """When one wait is over [s awake], and the moments that stand for it."""

    at: float
    moments: set[datetime]


class Deadlines:
    """Waits that are written down as moments, for other processes and lives, and measured here by no wall clock.

    Of several moments for one wait the earliest counts. Once seen, a moment is not read off the wall clock again.

    Attributes:
        clock: this process's.
    """

    def __init__(self, clock: Clock = process_clock) -> None:
        self.clock = clock
        self._due: dict[str, _Due] = {}

    def agree(self, name: str, wait_s: float) -> datetime:
        """A wait that begins now; the moment to write down for it."""
        moment = self.clock.now() + timedelta(seconds=wait_s)
        self._note(name, moment, wait_s)
        return moment

    def has_passed(self, name: str, moment: datetime, longest_s: float) -> bool:
        """Whether a wait is over.

        Args:
            name: of what is waited for.
            moment: as it was written down.
            longest_s: the whole wait [s]: a moment farther away was written by a clock that was put back since.
        """
        known = self._due.get(name)
        if known is None or moment not in known.moments:
            left_s = (moment - self.clock.now()).total_seconds()
            known = self._note(name, moment, min(left_s, longest_s))
        return self.clock.awake() >= known.at

    def _note(self, name: str, moment: datetime, left_s: float) -> _Due:
        at = self.clock.awake() + left_s
        known = self._due.setdefault(name, _Due(at, set()))
        known.at = min(known.at, at)
        known.moments.add(moment)
        if len(self._due) > REMEMBERED:
            del self._due[next(iter(self._due))]
        return known


class SignsOfLife:
    """What is seen of others, such as the time of a file that a living process touches: another machine's clock set it.

    So only that it changes counts, and for how long it has not.

    Args:
        awake: how long this process has been awake [s].
    """

    def __init__(self, awake: Callable[[], float] = process_clock.awake) -> None:
        self._awake = awake
        self._seen: dict[tuple[str, str], tuple[int, float]] = {}

    def silence_s(self, of: str, kind: str, sign: int = 0, already_s: float = 0.0) -> float:
        """For how long a sign has been the same, counted from when it was first seen [s].

        Args:
            of: whose sign it is.
            kind: which of its signs.
            sign: what is there now.
            already_s: how old a new sign is [s].
        """
        known = self._seen.get((of, kind))
        if known is None or known[0] != sign:
            known = self._seen[of, kind] = sign, self._awake() - already_s
        return self._awake() - known[1]

    def forget(self, of: str) -> None:
        """Its signs are not looked at any more."""
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] != of}

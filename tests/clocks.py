"""A machine whose clocks a test has in its hands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.clock import TICK_S, Clock, Deadlines, Reading

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR, DAY = 3600.0, 86400.0


@dataclass
class Machine:
    """Its clocks, and that of one process on it, which looks every second as the service loop has it."""

    wall_s: float = NOON.timestamp()
    machine_s: float = 1000.0
    running_s: float = 900.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.read, watched=True)

    def read(self) -> Reading:
        return Reading(self.wall_s, self.machine_s, self.running_s)

    def pass_(self, seconds: float) -> None:
        """Time goes by, and the process is awake."""
        while seconds > 0:
            step = min(TICK_S, seconds)
            self._go(step, running_s=step)
            self.clock.awake()
            seconds -= step

    def put(self, seconds: float) -> None:
        """Somebody puts the wall clock ahead, or back."""
        self.wall_s += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: its monotonic clock stands still."""
        self._go(seconds, running_s=0)

    def stop(self, seconds: float) -> None:
        """The process alone is stopped: both clocks go on."""
        self._go(seconds, running_s=seconds)

    def _go(self, seconds: float, running_s: float) -> None:
        self.wall_s += seconds
        self.machine_s += seconds
        self.running_s += running_s


def standing_at(moment: datetime) -> Deadlines:
    """Deadlines for a moment that lasts."""
    return Deadlines(Machine(moment.timestamp()).clock)


EVENTS: dict[str, Callable[[Machine], object]] = {
    "ahead a day": lambda machine: machine.put(DAY),
    "back an hour": lambda machine: machine.put(-HOUR),
    "ahead eleven years": lambda machine: machine.put(4000 * DAY),
    "suspended for a night": lambda machine: machine.suspend(8 * HOUR),
    "stopped for a night": lambda machine: machine.stop(8 * HOUR),
    "suspended, and woken with a clock that lost an hour": lambda m: (m.suspend(8 * HOUR), m.put(-HOUR)),
    "a leap second": lambda machine: machine.put(-1),
    "nothing": lambda machine: None,
}
"""What may happen to the clocks of a process."""

"""Which services live, judged by their beats. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.aggregator.state import Beat, State
from shared.topology import SERVICES

FIRST_BEATS = timedelta(seconds=15)  # after its start the aggregator waits so long before it misses somebody


class Condition(StrEnum):
    """How a service is."""

    ALIVE = "alive"
    SILENT = "silent"
    NEVER_HEARD = "never heard"
    LISTENING = "listening for it"
    UNKNOWN = "unknown, broker away"


@dataclass(frozen=True, slots=True)
class InstanceHealth:
    """One process of a service; ``instance`` is its host and process id."""

    instance: str
    alive: bool
    started_at: datetime
    last_beat_at: datetime
    handled: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service; its processes, newest beat first."""

    service: str
    condition: Condition
    instances: list[InstanceHealth]

    @property
    def last_beat_at(self) -> datetime | None:
        """When it was heard last."""
        return self.instances[0].last_beat_at if self.instances else None


def take_pulses(
    state: State, now: datetime, listening_since: datetime, *, broker_connected: bool
) -> list[ServiceHealth]:
    """Every service of the mesh, also one never heard."""
    return [
        _service(name, _instances(name, state, now), now - listening_since, broker_connected=broker_connected)
        for name in SERVICES
    ]


def _service(
    name: str, instances: list[InstanceHealth], listening: timedelta, *, broker_connected: bool
) -> ServiceHealth:
    alive = [instance for instance in instances if instance.alive]
    if alive:
        return ServiceHealth(name, Condition.ALIVE, alive)
    if not broker_connected:
        return ServiceHealth(name, Condition.UNKNOWN, instances[:1])
    if instances:
        return ServiceHealth(name, Condition.SILENT, instances[:1])
    return ServiceHealth(name, Condition.LISTENING if listening < FIRST_BEATS else Condition.NEVER_HEARD, [])


def _instances(service: str, state: State, now: datetime) -> list[InstanceHealth]:
    beats = [beat for beat in state.beats.values() if beat.event.service == service]
    beats.sort(key=lambda beat: beat.heard_at, reverse=True)
    return [_instance(beat, now) for beat in beats]


def _instance(beat: Beat, now: datetime) -> InstanceHealth:
    return InstanceHealth(
        instance=beat.event.instance,
        alive=beat.is_fresh(now),
        started_at=beat.event.started_at,
        last_beat_at=beat.heard_at,
        handled=beat.event.handled,
        rejected=beat.event.rejected,
    )


def span(duration: timedelta) -> str:
    """A duration in words with its unit, such as ``1.8 s``, ``3 min 20 s``, ``2 h 5 min`` or ``7 d 2 h``."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:  # noqa: PLR2004 - a minute, rounded to tenths
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s"

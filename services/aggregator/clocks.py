"""Whose clock is not that of the others, and whose was put. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median_low

from services.aggregator.pulses import span
from services.aggregator.state import Beat, State
from shared.messages import ClockJump

APART_S = 5.0  # clocks that differ by no more are good enough for everything here
BROKER = "the broker"
CLOCK_REMEDY = (
    "Let NTP keep it right (chronyc tracking, timedatectl). Nothing that was under way is lost or ended for it; "
    "times on this page may be wrong."
)


def clock_faults(state: State, now: datetime) -> Iterator[str]:
    """What is wrong with the clocks of the mesh, a sentence each."""
    fresh = [beat for beat in state.beats.values() if beat.is_fresh(now)]
    yield from _jumps(fresh)
    yield from _differences(fresh)


def _jumps(beats: list[Beat]) -> Iterator[str]:
    """Every process of a machine notices what happens to its clock; it is told once."""
    for host in sorted({beat.host for beat in beats}):
        there = [beat for beat in beats if beat.host == host]
        jumps = [(beat, jump) for beat in there if (jump := beat.event.clock_jump)]
        if put := [jump for _, jump in jumps if jump.put_s]:
            yield _put(host, max(put, key=lambda jump: jump.at))
        if still := [(beat.event.service, jump) for beat, jump in jumps if jump.still_s]:
            who = host if len(still) == len(there) else f"{', '.join(sorted(name for name, _ in still))} on {host}"
            yield _stood_still(who, max((jump for _, jump in still), key=lambda jump: jump.at))


def _put(host: str, jump: ClockJump) -> str:
    way = "ahead" if jump.put_s > 0 else "back"
    return f"The clock of {host} was put {way} by {_span(jump.put_s)}, at {_moment(jump)} by its new time."


def _stood_still(who: str, jump: ClockJump) -> str:
    return f"{who} stood still for {_span(jump.still_s)} until {_moment(jump)}, as if suspended."


def _moment(jump: ClockJump) -> str:
    return f"{jump.at.astimezone(UTC):%d %b %H:%M:%S} UTC"


def _differences(beats: list[Beat]) -> Iterator[str]:
    """Against the middle one of all machines; of a machine's beats the one that was least delayed counts."""
    apart = {BROKER: 0.0}
    for beat in beats:
        if beat.apart_s is not None:
            apart[beat.host] = max(beat.apart_s, apart.get(beat.host, beat.apart_s))
    middle_s = median_low(apart.values())
    reference = next(name for name, apart_s in apart.items() if apart_s == middle_s)
    for name, apart_s in sorted(apart.items()):
        if abs(apart_s - middle_s) > APART_S:
            side = "ahead of" if apart_s > middle_s else "behind"
            yield f"The clock of {name} is {_span(apart_s - middle_s)} {side} that of {reference}."


def _span(seconds: float) -> str:
    return span(timedelta(seconds=abs(seconds)))

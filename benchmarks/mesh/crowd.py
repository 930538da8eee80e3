"""Several grids at once: does each get its share?"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from benchmarks.figures import Figure, Section, percentile
from benchmarks.mesh.beamline import Seen
from benchmarks.mesh.course import Course, Steps, together

CROWDS = (1, 2, 4, 8)
MOMENTS = (0.25, 0.5, 0.75)
BLOCK = 16
LIVE_STEPS = (10, 10)
SHARE_GOAL, CENTRE_GOAL_S = 0.5, 1.0


async def crowd(course: Course, steps: Steps, crowds: Sequence[int]) -> Section:
    """As many grids as that on disk, then live at as many times a lower frame rate."""
    n_images, rate = steps[0] * steps[1], f"{course.live_rate:.0f} Hz"
    section = Section(f"Crowd: grids of {n_images} images at once, blocks of {BLOCK}; live at {rate} together")
    section.data["crowds"] = []
    for n_grids in crowds:
        async with course.rig.hearing_spots():
            on_disk = summary(await together(n_grids, partial(course.on_disk, steps, BLOCK)))
        live = await together(n_grids, partial(course.live, LIVE_STEPS, course.live_rate / n_grids, BLOCK))
        centre_s = [seen.centre_s for seen in live]
        section.data["crowds"].append({"n_grids": n_grids, **on_disk, "live_centre_s": centre_s})
        section.lines += _table(n_grids, on_disk)
        if n_grids > 1:
            name = f"{n_grids} grids: least share / mean share, half-way"
            section.figures.append(Figure(name, on_disk["half_way"], "", SHARE_GOAL, at_least=True))
        name = f"{n_grids} live grids: last image written to centre, p98"
        section.figures.append(Figure(name, percentile(centre_s, 98), "s", CENTRE_GOAL_S))
    return section


def summary(all_seen: list[Seen]) -> dict[str, Any]:
    """When each finished, and how much of each was done at some moments between first announcement and last centre."""
    announced = [seen.timeline.announced_at for seen in all_seen if seen.timeline.announced_at]
    start, took_s = min(announced), max(seen.took_s for seen in all_seen)
    shares = {m: [seen.share(start + timedelta(seconds=m * took_s)) for seen in all_seen] for m in MOMENTS}
    half = shares[0.5]
    return {
        "finished_s": [seen.took_s for seen in all_seen],
        "first_result_s": [seen.first_result_s for seen in all_seen],
        "shares": shares,
        "half_way": min(half) * len(half) / sum(half) if sum(half) else 0.0,
    }


def _table(n_grids: int, found: dict[str, Any]) -> list[str]:
    def row(name: str, values: Sequence[float]) -> str:
        return f"   {name:16}" + " ".join(f"{value:6.2f}" for value in values)

    return [
        f"{n_grids} at once",
        row("finished [s]", found["finished_s"]),
        row("first result [s]", found["first_result_s"]),
        *(row(f"share at {moment:.0%}", shares) for moment, shares in found["shares"].items()),
    ]

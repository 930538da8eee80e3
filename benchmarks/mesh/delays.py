"""How long the beamline waits: for the first image result, and for the centre."""

from benchmarks.figures import Section, latencies
from benchmarks.mesh.course import Course, Steps

FIRST_RESULT_GOALS = {98: 1.0}
CENTRE_GOALS = {50: 0.5, 98: 1.0}


async def delays(course: Course, steps: Steps, repeats: int) -> Section:
    """Many small grids, live, one after another."""
    rate = course.live_rate
    async with course.rig.hearing_spots():
        seen = [await course.live(steps, rate) for _ in range(repeats)]
    first, centre = [each.first_result_s for each in seen], [each.centre_s for each in seen]
    return Section(
        f"Delays: {repeats} grids of {steps[0] * steps[1]} images, live at {rate:.0f} Hz",
        [
            *latencies("announced to first image result", first, FIRST_RESULT_GOALS),
            *latencies("last image written to centre in the beamline's hands", centre, CENTRE_GOALS),
        ],
        data={"first_result_s": first, "centre_s": centre, "frame_rate": rate},
    )

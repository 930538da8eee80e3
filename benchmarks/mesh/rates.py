"""Images per second: through the mesh, without it, and over the size of a block."""

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure, Section
from benchmarks.mesh.course import Course, Steps
from benchmarks.mesh.offline import analyse_offline

BLOCKS = (1, 2, 4, 8, 16, 32, 64, 128)
USUAL_BLOCK = 64
RATIO_GOAL = 0.9


async def compare(course: Course, steps: Steps, rounds: int) -> Section:
    """The mesh beside its own workers, turn by turn, so that a busy machine is as busy for both."""
    found: list[dict[str, Any]] = []
    with course.unannounced(steps) as master:
        await offline_rate(course, master, steps)  # the first images of a process take longer, here and in the mesh
        await measure(course, steps, USUAL_BLOCK)
        for _ in range(rounds):
            offline = await offline_rate(course, master, steps)
            found.append({"offline": offline, **await measure(course, steps, USUAL_BLOCK)})
    course.rate = median(each["rate"] for each in found)
    ratio = median(each["rate"] / each["offline"] for each in found)
    n_images, block = steps[0] * steps[1], f"blocks of {USUAL_BLOCK}"
    section = Section(f"Throughput: {n_images} images in {block}, {course.n_workers} workers", data={"rounds": found})
    section.lines = [f"offline {each['offline']:6.1f}/s   mesh {each['rate']:6.1f}/s" for each in found]
    section.lines.append(f"CPU per image: {costs(found[-1]['cpu_ms'])}")
    section.figures.append(Figure("mesh / the same workers offline", ratio, "", RATIO_GOAL, at_least=True))
    share = median(each["cpu_ms"]["workers"] / sum(each["cpu_ms"].values()) for each in found)
    section.figures.append(Figure("the workers' share of all CPU time that the mesh takes", share, ""))
    return section


async def offline_rate(course: Course, master: Path, steps: Steps) -> float:
    """Images per second without a mesh."""
    rate = await analyse_offline(course.pool, course.n_workers, master, steps[0] * steps[1], USUAL_BLOCK)
    course.advance()
    return rate


async def sweep(course: Course, steps: Steps, repeats: int) -> Section:
    """Throughput and delays over the size of a block."""
    section = Section(f"Block size: {steps[0] * steps[1]} images on disk; live at {course.live_rate:.0f} Hz")
    section.lines.append("block    images/s   CPU of the mesh [ms/image]   first result p50 [s]   centre p50 [s]")
    section.data["blocks"] = []
    for block in BLOCKS:
        found = await measure(course, steps, block)
        async with course.rig.hearing_spots():
            seen = [await course.live((8, 6), course.live_rate, block) for _ in range(repeats)]
        found |= {
            "block": block,
            "first_result_s": median(each.first_result_s for each in seen),
            "centre_s": median(each.centre_s for each in seen),
        }
        section.data["blocks"].append(found)
        section.lines.append(
            f"{block:5} {found['rate']:11.1f} {found['overhead_ms']:28.2f} "
            f"{found['first_result_s']:22.3f} {found['centre_s']:16.3f}"
        )
    return section


async def measure(course: Course, steps: Steps, block: int) -> dict[str, Any]:
    """One grid on disk: images per second from announcement to centre, and CPU time per image by process."""
    before = course.rig.cpu_s()
    seen = await course.on_disk(steps, block)
    after, n_images = course.rig.cpu_s(), steps[0] * steps[1]
    cpu_ms = {name: 1e3 * (after[name] - before[name]) / n_images for name in after}
    overhead_ms = sum(cpu_ms.values()) - cpu_ms["workers"]
    return {"rate": n_images / seen.took_s, "took_s": seen.took_s, "cpu_ms": cpu_ms, "overhead_ms": overhead_ms}


def costs(cpu_ms: dict[str, float]) -> str:
    """CPU time by process, the dearest first."""
    dearest = sorted(cpu_ms.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {ms:.2f}" for name, ms in dearest) + " ms"

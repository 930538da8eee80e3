"""What an image costs as grids grow."""

from collections.abc import Sequence

from benchmarks.figures import Figure, Section
from benchmarks.mesh.course import Course, Steps
from benchmarks.mesh.rates import USUAL_BLOCK, costs, measure

GROWTH_GOAL = 1.1
SIZES: tuple[Steps, ...] = ((10, 10), (20, 20), (41, 29), (100, 50), (200, 100))


async def growth(course: Course, sizes: Sequence[Steps]) -> Section:
    """Grids of growing size, images on disk; the smallest of them are repeated, since a start costs a constant."""
    section = Section(f"Growth: grids on disk, blocks of {USUAL_BLOCK}")
    section.lines.append("images   wall [ms/image]   CPU of the mesh [ms/image]   of the workers [ms/image]")
    section.data["sizes"] = []
    for steps in sizes:
        found = await measure(course, steps, USUAL_BLOCK)
        n_images, wall_ms = steps[0] * steps[1], 1e3 / found["rate"]
        section.data["sizes"].append({"n_images": n_images, "wall_ms": wall_ms, **found})
        section.lines.append(
            f"{n_images:6} {wall_ms:17.2f} {found['overhead_ms']:28.2f} {found['cpu_ms']['workers']:27.2f}"
        )
    first, *_, last = (one["overhead_ms"] + one["cpu_ms"]["workers"] for one in section.data["sizes"])
    section.lines.append(f"CPU per image of the largest: {costs(found['cpu_ms'])}")
    section.figures.append(Figure("CPU per image, largest grid / smallest", last / first, "", GROWTH_GOAL))
    return section

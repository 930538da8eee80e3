"""Nothing lost, nothing twice: what was done beside what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import anyio
from sqlalchemy import Engine, func, select

from benchmarks.mesh.beamline import Seen
from benchmarks.soak.happenings import ROTATION_IMAGES, Happenings
from benchmarks.soak.traffic import GRID_IMAGES
from services.writer.schema import images
from shared.messages import CollectionRef

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Count:
    """One line of the summary.

    Attributes:
        wanted: as many as were done.
        found: as many as came out right.
    """

    name: str
    wanted: int
    found: int

    @property
    def right(self) -> bool:
        """Whether none is missing, and none too much."""
        return self.wanted == self.found


async def count(happenings: Happenings, record: Engine, n_dropped: int, n_restarts: int) -> list[Count]:
    """Once the mesh is at rest; what is still on its way to us is awaited for a minute."""
    with anyio.move_on_after(PATIENCE_S):
        while not all(each.right for each in _heard(happenings)):  # noqa: ASYNC110 - what is missing tells nobody
            await anyio.sleep(0.5)
    done = happenings.counts
    sent_away = done["rejected announcements"] + done["messages that nobody understands"]
    return [
        *_heard(happenings),
        *_recorded(happenings, record),
        Count("rotations processed", len(happenings.rotations), done["rotations"]),
        Count("dead letters, rejected announcements included, taken from their queues", sent_away, n_dropped),
        Count("processes of the mesh started again", 0, n_restarts),
    ]


def _heard(happenings: Happenings) -> Iterator[Count]:
    grids = _grids(happenings)
    yield Count("grids with one result, and that a whole one", len(grids), sum(map(_is_whole, grids.values())))
    parts = [sum(part.n_images for part in seen.parts) for seen in grids.values()]
    yield Count("grids whose images were each said once", len(grids), parts.count(GRID_IMAGES))


def _is_whole(seen: Seen) -> bool:
    result = seen.result
    return result is not None and (seen.n_results, result.status, result.n_found) == (1, "whole", GRID_IMAGES)


def _recorded(happenings: Happenings, record: Engine) -> Iterator[Count]:
    """A row in the record for each image; (collection, image) is its key, so that there cannot be two."""
    i = images.c
    query = select(i.collection_id, func.count()).where(i.failure.is_(None)).group_by(i.collection_id)
    with record.connect() as connection:
        n_rows: dict[int, int] = dict(connection.execute(query).tuples().all())
    for what, refs, n_images in (
        ("grids", list(_grids(happenings)), GRID_IMAGES),
        ("rotations", happenings.rotations, ROTATION_IMAGES),
    ):
        found = sum(n_rows.get(ref.id, 0) for ref in refs)
        yield Count(f"images of {what} in the record", n_images * len(refs), found)


def _grids(happenings: Happenings) -> dict[CollectionRef, Seen]:
    return {ref: seen for ref, seen in happenings.beamline.seen.items() if seen.timeline.announced_at}

"""Who gets a worker next."""

from collections import Counter
from dataclasses import dataclass, field

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import given, strategies as st

from services.spotfinder.turns import REMEMBERED, Turns
from shared.messages import FindSpots
from tests.spotfinder.blocks import block


@dataclass
class Workplace:
    """Blocks that are worked on one after another; each takes a second of a clock that tests wind."""

    n_workers: int = 1
    slice_s: float = 0.0
    at: float = 0.0
    done: list[FindSpots] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0

    def __post_init__(self) -> None:
        self.turns = Turns(self.n_workers, self.slice_s, lambda: self.at)

    async def work(self, on: FindSpots) -> None:
        async with self.turns.turn(on):
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            await checkpoint()
            self.at += 1
            self.done.append(on)
            self.busy -= 1

    async def work_on_all(self, blocks: list[FindSpots]) -> list[FindSpots]:
        """All wait before the first begins; the order in which they were done."""
        async with anyio.create_task_group() as tasks, self.turns.turn(block(dcid=9999)):
            for each in blocks:
                tasks.start_soon(self.work, each)
            await wait_all_tasks_blocked()
            if self.n_workers > 1:
                self.done.clear()
        return self.done


def collections(blocks: list[FindSpots]) -> list[int]:
    return [each.collection.id for each in blocks]


async def test_a_grid_scan_goes_before_a_rotation_that_waits_longer():
    rotation = [block(dcid=1, first_image=i, experiment="rotation") for i in range(3)]
    grid = [block(dcid=2, first_image=i) for i in range(3)]

    assert collections(await Workplace(slice_s=1000).work_on_all(rotation + grid)) == [2, 2, 2, 1, 1, 1]


async def test_blocks_of_a_collection_go_in_the_order_of_their_images():
    blocks = [block(first_image=i) for i in (30, 0, 20, 10)]

    assert [each.first_image for each in await Workplace().work_on_all(blocks)] == [0, 10, 20, 30]


async def test_collections_take_turns():
    blocks = [block(dcid=dcid, first_image=i) for dcid in (1, 2, 3) for i in range(3)]

    assert collections(await Workplace().work_on_all(blocks)) == [1, 2, 3] * 3


async def test_a_collection_keeps_its_turn_for_a_slice_of_time():
    blocks = [block(dcid=dcid, first_image=i) for dcid in (1, 2) for i in range(4)]

    assert collections(await Workplace(slice_s=2).work_on_all(blocks)) == [1, 1, 2, 2, 1, 1, 2, 2]


async def test_a_collection_alone_never_pauses():
    blocks = [block(first_image=i) for i in range(5)]

    assert len(await Workplace(slice_s=2).work_on_all(blocks)) == 5


@given(n_blocks=st.dictionaries(st.integers(1, 6), st.integers(1, 12), min_size=1))
def test_no_collection_gets_more_than_one_block_ahead_of_another_that_waits(n_blocks):
    blocks = [block(dcid=dcid, first_image=i) for dcid, n in n_blocks.items() for i in range(n)]
    order = collections(anyio.run(Workplace().work_on_all, blocks))

    served = Counter(dict.fromkeys(n_blocks, 0))
    for dcid in order:
        served[dcid] += 1
        waiting = [served[other] for other, n in n_blocks.items() if served[other] < n]
        assert served[dcid] - min(waiting, default=served[dcid]) <= 1
    assert served == Counter(n_blocks)


async def test_every_worker_works_and_no_more():
    place = Workplace(n_workers=3)
    async with anyio.create_task_group() as tasks:
        for i in range(9):
            tasks.start_soon(place.work, block(first_image=i))

    assert (place.busiest, len(place.done)) == (3, 9)


async def test_a_block_that_is_told_to_stop_gives_its_place_and_its_worker_back():
    place = Workplace()
    async with anyio.create_task_group() as tasks:
        async with place.turns.turn(block(dcid=1)):
            with anyio.move_on_after(0.01):
                await place.work(block(dcid=2))
        tasks.start_soon(place.work, block(dcid=3))

    assert collections(place.done) == [3]


async def test_a_block_that_fails_gives_its_worker_back():
    place = Workplace()
    with pytest.raises(ZeroDivisionError):
        async with place.turns.turn(block()):
            1 / 0  # noqa: B018 - for its fault
    await place.work(block(dcid=2))

    assert collections(place.done) == [2]


async def test_collections_of_long_ago_are_forgotten():
    place = Workplace()
    for dcid in range(1, 3 * REMEMBERED):
        await place.work(block(dcid=dcid))

    assert len(place.turns._served_at) == REMEMBERED  # noqa: SLF001 - there is no other sign of it

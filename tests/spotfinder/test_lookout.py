"""When a block looks again for images that are not there yet."""

import anyio
from anyio import wait_all_tasks_blocked

from services.spotfinder.lookout import Lookout
from tests.spotfinder.blocks import block

NEVER_S = 1000.0


async def waited(lookout: Lookout, on, ended: list[int]) -> None:
    await lookout.wait(on, on.wait_s)
    ended.append(on.first_image)


async def test_whoever_gets_its_images_calls_the_next_and_nobody_else():
    lookout, ended = Lookout(NEVER_S), []
    async with anyio.create_task_group() as tasks:
        for first_image in (30, 10, 20):
            tasks.start_soon(waited, lookout, block(first_image=first_image, wait_s=NEVER_S), ended)
        await wait_all_tasks_blocked()
        lookout.call_next(block(first_image=0))
        await wait_all_tasks_blocked()
        assert ended == [10]
        lookout.call_next(block(first_image=10))
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert ended == [10, 20]


async def test_nobody_is_called_for_another_collection():
    lookout, ended = Lookout(NEVER_S), []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waited, lookout, block(first_image=10, wait_s=NEVER_S), ended)
        await wait_all_tasks_blocked()
        lookout.call_next(block(first_image=0, dcid=43))
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert ended == []


async def test_a_block_is_behind_an_earlier_one_that_waits_and_no_other():
    lookout = Lookout(NEVER_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lookout.wait, block(first_image=10), NEVER_S)
        await wait_all_tasks_blocked()
        behind = [lookout.is_behind(block(first_image=i)) for i in (0, 10, 20)]
        elsewhere = lookout.is_behind(block(first_image=20, dcid=43))
        tasks.cancel_scope.cancel()

    assert behind == [False, False, True]
    assert not elsewhere
    assert not lookout.is_behind(block(first_image=20))


async def test_the_farther_behind_the_rarer_the_looks():
    lookout, ended = Lookout(0.005), []
    async with anyio.create_task_group() as tasks:
        for first_image in (0, 10, 20, 30):
            tasks.start_soon(waited, lookout, block(first_image=first_image), ended)

    assert ended == [0, 10, 20, 30]


async def test_nobody_waits_past_the_deadline_however_far_behind():
    lookout = Lookout(0.02)
    with anyio.fail_after(10):  # the last would wait for 72 s
        async with anyio.create_task_group() as tasks:
            for first_image in range(60):
                tasks.start_soon(lookout.wait, block(first_image=first_image), 0.1)

    assert not lookout.is_behind(block(first_image=60))

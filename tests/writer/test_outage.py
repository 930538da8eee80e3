"""A database server that loses its power in the middle of a grid."""

import anyio
import pytest

from services.writer.migrations import upgrade
from services.writer.schema import images
from shared.database import open_database
from tests.databases import MariaDb, PostgreSql, serving
from tests.results import accepted, found
from tests.writer.conftest import Writer

N_IMAGES = 200


@pytest.mark.parametrize("kind", [PostgreSql, MariaDb])
async def test_every_image_is_recorded_once_although_the_server_is_killed_meanwhile(kind):
    with serving(kind) as server:
        async with open_database(await server.new_database()) as engine:
            writer = Writer(engine, patience_s=60)
            await upgrade(writer.transactions)
            await writer.record.accept(accepted(), None)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(record_all, writer)
                await first_images(writer)
                server.kill()
                await anyio.to_thread.run_sync(server.start)
            assert sorted(row["image"] for row in await writer.rows(images)) == list(range(N_IMAGES))


async def record_all(writer):
    for image in range(N_IMAGES):
        await writer.record.add_spots(found([image]), None)


async def first_images(writer):
    while len(await writer.rows(images)) < N_IMAGES // 10:
        await anyio.sleep(0.01)

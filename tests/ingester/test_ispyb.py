"""Processing jobs in ISPyB's own schema, on a real MariaDB."""

import pytest
from ispyb.sqlalchemy import ProcessingJob as Job, ProcessingJobImageSweep, ProcessingJobParameter
from sqlalchemy import event, insert

from services.ingester.ispyb import Ispyb
from services.ingester.zocalo import ProcessingJob, Sweep
from shared.database import open_database
from shared.transactions import Transactions

TABLES = [model.__table__ for model in (Job, ProcessingJobParameter, ProcessingJobImageSweep)]


@pytest.fixture
async def ispyb(mariadb_server):
    """An ISPyB without the rest of its tables, which these refer to."""
    async with open_database(await mariadb_server.new_database()) as engine:
        event.listen(engine.sync_engine, "connect", refer_to_nothing)
        async with engine.begin() as connection:
            await connection.run_sync(Job.metadata.create_all, tables=TABLES)
        yield engine


def refer_to_nothing(connection, _record):
    connection.cursor().execute("SET foreign_key_checks = 0")


async def store(engine, table, **columns):
    async with engine.begin() as connection:
        await connection.execute(insert(table).values(columns))


async def test_a_job_comes_with_its_parameters_and_sweeps_in_their_order(ispyb):
    job, parameter, sweep = TABLES
    await store(ispyb, job, processingJobId=6406100, dataCollectionId=2001, recipe="autoprocessing-xia2-dials")
    for name, value in (("resolution.d_min", "1.8"), ("spacegroup", "P43212")):
        await store(ispyb, parameter, processingJobId=6406100, parameterKey=name, parameterValue=value)
    for collection, last in ((2001, 1800), (2002, 900)):
        await store(ispyb, sweep, processingJobId=6406100, dataCollectionId=collection, startImage=1, endImage=last)
    await store(ispyb, parameter, processingJobId=7, parameterKey="of", parameterValue="another job")

    assert await Ispyb(Transactions(ispyb, patience_s=5)).processing_job(6406100) == ProcessingJob(
        6406100,
        2001,
        "autoprocessing-xia2-dials",
        (("resolution.d_min", "1.8"), ("spacegroup", "P43212")),
        (Sweep(2001, 1, 1800), Sweep(2002, 1, 900)),
    )


async def test_a_job_without_a_recipe_or_parameters_is_there_all_the_same(ispyb):
    await store(ispyb, TABLES[0], processingJobId=8, dataCollectionId=2001)
    assert await Ispyb(Transactions(ispyb, patience_s=5)).processing_job(8) == ProcessingJob(8, 2001, "")


async def test_a_job_that_is_not_there_is_none(ispyb):
    assert await Ispyb(Transactions(ispyb, patience_s=5)).processing_job(9) is None

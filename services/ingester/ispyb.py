"""Processing jobs, read from an ISPyB database."""

from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingester.zocalo import ProcessingJob, Sweep
from shared.transactions import Transactions

metadata = MetaData()
jobs = Table(
    "ProcessingJob",
    metadata,
    Column("processingJobId", Integer, primary_key=True),
    Column("dataCollectionId", Integer),
    Column("recipe", String(50)),
)
parameters = Table(
    "ProcessingJobParameter",
    metadata,
    Column("processingJobParameterId", Integer, primary_key=True),
    Column("processingJobId", Integer),
    Column("parameterKey", String(80)),
    Column("parameterValue", String(1024)),
)
sweeps = Table(
    "ProcessingJobImageSweep",
    metadata,
    Column("processingJobImageSweepId", Integer, primary_key=True),
    Column("processingJobId", Integer),
    Column("dataCollectionId", Integer),
    Column("startImage", Integer),
    Column("endImage", Integer),
)
"""The columns that we read; the schema has more. Source: ispyb-database 5.0.0."""


class Ispyb:
    """An ISPyB database, only read; while it is away it is waited for."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    async def processing_job(self, job_id: int) -> ProcessingJob | None:
        """A processing job; None if there is none of that number.

        Raises:
            sqlalchemy.exc.DBAPIError: the database refuses, or stays away.
        """

        async def read(connection: AsyncConnection) -> ProcessingJob | None:
            return await _read(connection, job_id)

        return await self._database.read(read)


async def _read(connection: AsyncConnection, job_id: int) -> ProcessingJob | None:
    job = (await connection.execute(select(jobs).where(jobs.c.processingJobId == job_id))).first()
    if job is None:
        return None
    p, s = parameters.c, sweeps.c
    named = select(p.parameterKey, p.parameterValue).where(p.processingJobId == job_id)
    ranges = select(s.dataCollectionId, s.startImage, s.endImage).where(s.processingJobId == job_id)
    return ProcessingJob(
        id=job_id,
        collection_id=job.dataCollectionId,
        recipe=job.recipe or "",
        parameters=tuple(map(tuple, await connection.execute(named.order_by(p.processingJobParameterId)))),
        sweeps=tuple(Sweep(*row) for row in await connection.execute(ranges.order_by(s.processingJobImageSweepId))),
    )

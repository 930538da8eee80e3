"""An ISPyB of SQLite with the columns that we read, as ispyb-database 5.0.0 names them."""

import sqlite3
from contextlib import closing

TABLES = """
CREATE TABLE IF NOT EXISTS ProcessingJob (
    processingJobId INTEGER PRIMARY KEY, dataCollectionId INTEGER, displayName TEXT, comments TEXT,
    recordTimestamp TEXT, recipe TEXT, automatic INTEGER);
CREATE TABLE IF NOT EXISTS ProcessingJobParameter (
    processingJobParameterId INTEGER PRIMARY KEY, processingJobId INTEGER, parameterKey TEXT, parameterValue TEXT);
CREATE TABLE IF NOT EXISTS ProcessingJobImageSweep (
    processingJobImageSweepId INTEGER PRIMARY KEY, processingJobId INTEGER, dataCollectionId INTEGER,
    startImage INTEGER, endImage INTEGER);
"""


def add_job(file, job):
    """As SynchWeb writes a processing job."""
    with closing(sqlite3.connect(file, timeout=10)) as database, database:
        database.executescript(TABLES)
        database.execute(
            "INSERT INTO ProcessingJob (processingJobId, dataCollectionId, recipe, automatic) VALUES (?, ?, ?, 0)",
            (job.id, job.collection_id, job.recipe),
        )
        database.executemany(
            "INSERT INTO ProcessingJobParameter (processingJobId, parameterKey, parameterValue) VALUES (?, ?, ?)",
            [(job.id, *each) for each in job.parameters],
        )
        database.executemany(
            "INSERT INTO ProcessingJobImageSweep (processingJobId, dataCollectionId, startImage, endImage) "
            "VALUES (?, ?, ?, ?)",
            [(job.id, sweep.collection_id, sweep.first, sweep.last) for sweep in job.sweeps],
        )

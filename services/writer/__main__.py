"""Wiring of the writer."""

from datetime import timedelta
from functools import partial
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncEngine

from services.writer.grids import Grids
from services.writer.handler import record_collection, record_end, record_processing, record_spots
from services.writer.migrations import upgrade
from services.writer.publisher import Bell, Publisher
from services.writer.record import Record
from services.writer.removal import Removal
from services.writer.settings import Settings
from shared.clock import Deadlines
from shared.database import open_database
from shared.messages import CollectionAccepted, CollectionEnded, PipelineFamily, ProcessingResult, SpotsFound
from shared.retention import tidy_for_ever
from shared.service import Inbox, Member, body_as, join, run, work
from shared.transactions import Transactions


async def write_results(member: Member, engine: AsyncEngine, settings: Settings) -> None:
    """Bring the database up to date, then subscribe to everything that is to be recorded."""
    transactions = Transactions(engine, settings.database_patience_s)
    await upgrade(transactions)
    keep_images, keep_results = timedelta(days=settings.images_days), timedelta(days=settings.results_days)
    deadlines, bell = Deadlines(), Bell()
    record = Record(transactions, settings.deadline_s, keep_results, deadlines)
    publisher = Publisher(
        member.bus,
        Grids(transactions),
        bell,
        settings.amend_interval_s,
        settings.catch_up_s,
        shadow=settings.mode == "shadow",
        deadline_s=settings.deadline_s,
        deadlines=deadlines,
    )
    member.tasks.start_soon(publisher.run, settings.look_interval_s)
    member.tasks.start_soon(tidy_for_ever, Removal(transactions).kinds(keep_images, keep_results))
    source, prefetch = partial(settings.topology.source, service="writer"), settings.prefetch

    accepted = partial(record_collection, record=record, bell=bell)
    await member.listen(Inbox(source(CollectionAccepted), body_as(CollectionAccepted), accepted, prefetch))
    ended = partial(record_end, record=record, bell=bell)
    await member.listen(Inbox(source(CollectionEnded), body_as(CollectionEnded), ended, prefetch))
    found = partial(record_spots, record=record, bell=bell)
    await member.listen(Inbox(source(SpotsFound), body_as(SpotsFound), found, prefetch))
    processed = partial(record_processing, record=record)
    for family in get_args(PipelineFamily):
        queue = source(ProcessingResult, family=family)
        await member.listen(Inbox(queue, body_as(ProcessingResult), processed, prefetch))


async def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings.load()
    async with open_database(settings.database_url) as engine, join("writer", settings) as member:
        await write_results(member, engine, settings)
        await work(member)


if __name__ == "__main__":
    run(main)

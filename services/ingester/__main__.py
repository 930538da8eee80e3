"""`python -m services.ingester`: wiring, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from services.ingester.gda import Announced
from services.ingester.handler import ingest, reprocess
from services.ingester.ispyb import Ispyb
from services.ingester.memory import Memory
from services.ingester.settings import Settings, ZocaloSettings
from shared.database import open_database
from shared.messages import CollectionStarts, RunRecipes
from shared.retention import tidy_for_ever
from shared.service import Inbox, Member, body_as, join, run, work
from shared.transactions import Transactions


async def main() -> None:
    """Listen for announcements; one at a time, so that start and end of a collection cannot overtake each other."""
    settings = Settings.load()
    async with open_database(settings.database_url) as engine, join("ingester", settings) as member:
        memory = Memory(engine)
        await memory.prepare()
        member.tasks.start_soon(tidy_for_ever, memory.kinds(timedelta(days=settings.announcements_days)))
        handler = partial(ingest, memory=memory, settings=settings)
        source = settings.topology.source(CollectionStarts, "ingester")
        await member.listen(Inbox(source, Announced.of, handler, prefetch=1))
        async with _ispyb(settings.zocalo) as ispyb:
            await _take_recipes(member, settings, memory, ispyb)
            await work(member)


@asynccontextmanager
async def _ispyb(zocalo: ZocaloSettings | None) -> AsyncIterator[Ispyb | None]:
    if zocalo is None or zocalo.ispyb_url is None:
        yield None
        return
    async with open_database(zocalo.ispyb_url) as engine:
        yield Ispyb(Transactions(engine, zocalo.ispyb_patience_s))


async def _take_recipes(member: Member, settings: Settings, memory: Memory, ispyb: Ispyb | None) -> None:
    if zocalo := settings.zocalo:
        handler = partial(reprocess, memory=memory, ispyb=ispyb, recipes=zocalo.recipes)
        source = settings.topology.source(RunRecipes, "ingester")
        await member.listen(Inbox(source, body_as(RunRecipes), handler, prefetch=1))


if __name__ == "__main__":
    run(main)

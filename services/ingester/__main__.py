"""`python -m services.ingester`: wiring, and nothing else."""

from functools import partial

from services.ingester.gda import Announced
from services.ingester.handler import ingest
from services.ingester.memory import Memory
from services.ingester.settings import Settings
from shared.database import open_database
from shared.messages import CollectionStarts
from shared.service import Inbox, join, run, work


async def main() -> None:
    """Listen for announcements; one at a time, so that start and end of a collection cannot overtake each other."""
    settings = Settings.load()
    async with open_database(settings.database_url) as engine, join("ingester", settings) as member:
        memory = Memory(engine)
        await memory.prepare()
        handler = partial(ingest, memory=memory, settings=settings)
        source = settings.topology.source(CollectionStarts, "ingester")
        await member.listen(Inbox(source, Announced.of, handler, prefetch=1))
        await work(member)


if __name__ == "__main__":
    run(main)

"""Wiring of the service, and nothing else."""

from functools import partial

from services.spotfinder.analysis import analyse_available
from services.spotfinder.handler import find_spots
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout
from services.spotfinder.settings import Settings
from services.spotfinder.turns import Turns
from services.spotfinder.workers import Workers
from shared.messages import FindSpots
from shared.service import Inbox, body_as, join, work


async def main() -> None:
    """Be ready only when the kernels are compiled."""
    settings = Settings.load()
    analysis = partial(analyse_available, untrusted=settings.untrusted)
    workers = Workers(settings.workers, settings.parameters, analysis)
    async with join("spotfinder", settings) as member:
        await workers.start()
        turns, lookout = Turns(settings.workers, settings.slice_s), Lookout(settings.poll_s)
        handler = partial(find_spots, analyse=workers.analyse, in_hand=InHand(), turns=turns, lookout=lookout)
        source = settings.topology.source(FindSpots, "spotfinder")
        await member.listen(Inbox(source, body_as(FindSpots), handler, prefetch=settings.prefetch))
        await work(member)

"""`python -m services.launcher`: wiring, and nothing else."""

from functools import partial
from typing import get_args

from services.launcher.backends import Backend
from services.launcher.backends.choice import chosen_backend
from services.launcher.backends.index import RunIndex
from services.launcher.cancellations import AskedCancel, Cancellations
from services.launcher.handler import cancel, launch
from services.launcher.housekeeping import keep_house
from services.launcher.inflight import InFlight
from services.launcher.launcher import Launcher
from services.launcher.settings import Settings
from services.launcher.supervisor import adopt_runs, supervise
from shared.messages import CancelProcessing, ProcessCollection, Urgency
from shared.service import Inbox, Member, body_as, join, run, work


async def main() -> None:
    """With the place that the settings name."""
    settings = Settings.load()
    async with chosen_backend(settings) as backend, join("launcher", settings) as member:
        await take_part(settings, backend, member)


async def take_part(settings: Settings, backend: Backend, member: Member) -> None:
    """Adopt first, so that runs of an earlier launcher count among the slots."""
    flights = InFlight(settings.slots, settings.secondary_slots)
    cancellations = Cancellations(settings.state_directory / "cancelled")
    ended = RunIndex(settings.state_directory / "ended")
    launcher = Launcher(settings, backend, flights, member.bus.publish, cancellations, ended)
    await adopt_runs(launcher)
    member.tasks.start_soon(supervise, launcher)
    member.tasks.start_soon(keep_house, launcher)
    source = partial(settings.topology.source, service="launcher")
    cancels = source(CancelProcessing)
    await member.listen(Inbox(cancels, AskedCancel.of, partial(cancel, launcher=launcher), prefetch=1))
    handler = partial(launch, launcher=launcher)
    for urgency in get_args(Urgency):
        requests = source(ProcessCollection, urgency=urgency)
        in_hand = settings.requests_in_hand
        await member.listen(Inbox(requests, body_as(ProcessCollection), handler, prefetch=in_hand))
    await work(member)


if __name__ == "__main__":
    run(main)

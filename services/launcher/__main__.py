"""`python -m services.launcher`: wiring, and nothing else."""

from functools import partial

from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.cancellations import Cancellations
from services.launcher.handler import cancel, launch
from services.launcher.inflight import InFlight
from services.launcher.launcher import Launcher
from services.launcher.settings import Settings
from services.launcher.supervisor import adopt_runs, supervise
from shared.messages import CancelProcessing, ProcessCollection
from shared.service import Inbox, body_as, join, run, work


async def main() -> None:
    """Adopt first, so that runs of an earlier launcher count among the slots."""
    settings = Settings.load()
    backend = LocalBackend(RunIndex(settings.state_directory.absolute()), settings.python)
    async with join("launcher", settings) as member:
        flights = InFlight(settings.slots, settings.secondary_slots)
        cancellations = Cancellations(settings.state_directory / "cancelled")
        launcher = Launcher(settings, backend, flights, member.bus.publish, cancellations)
        await adopt_runs(launcher)
        member.tasks.start_soon(supervise, launcher)
        topology = settings.topology
        cancels, requests = (topology.source(kind, "launcher") for kind in (CancelProcessing, ProcessCollection))
        await member.listen(Inbox(cancels, body_as(CancelProcessing), partial(cancel, launcher=launcher), prefetch=1))
        handler = partial(launch, launcher=launcher)
        await member.listen(Inbox(requests, body_as(ProcessCollection), handler, prefetch=settings.requests_in_hand))
        await work(member)


if __name__ == "__main__":
    run(main)

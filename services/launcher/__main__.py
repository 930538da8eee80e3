"""`python -m services.launcher`: wiring, and nothing else."""

from functools import partial

from services.launcher.backends.index import RunIndex
from services.launcher.backends.local import LocalBackend
from services.launcher.handler import launch
from services.launcher.inflight import InFlight
from services.launcher.launcher import Launcher
from services.launcher.settings import Settings
from services.launcher.supervisor import adopt_runs, supervise
from shared.messages import ProcessCollection
from shared.service import Inbox, body_as, join, run, work


async def main() -> None:
    """Adopt first, so that runs of an earlier launcher count among the slots."""
    settings = Settings.load()
    backend = LocalBackend(RunIndex(settings.state_directory.absolute()), settings.python)
    async with join("launcher", settings) as member:
        launcher = Launcher(settings, backend, InFlight(settings.slots), member.bus.publish)
        await adopt_runs(launcher)
        member.tasks.start_soon(supervise, launcher)
        source = settings.topology.source(ProcessCollection, "launcher")
        handler = partial(launch, launcher=launcher)
        await member.listen(Inbox(source, body_as(ProcessCollection), handler, prefetch=settings.slots + 1))
        await work(member)


if __name__ == "__main__":
    run(main)

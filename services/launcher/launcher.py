"""What handler and supervisor work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from anyio import CancelScope

from services.launcher.backends import Backend
from services.launcher.backends.index import RunIndex
from services.launcher.cancellations import Cancellations
from services.launcher.inflight import InFlight
from services.launcher.pipelines import TABLE
from services.launcher.plan import Table
from services.launcher.settings import Settings
from shared.messages import Message, ProcessCollection

Publish = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, eq=False)
class Waiting:
    """A request in hand whose run has not begun; cancelling the scope ends the wait."""

    request: ProcessCollection
    scope: CancelScope


@dataclass(frozen=True)
class Launcher:
    """One launcher's parts.

    Attributes:
        publish: says at once what belongs to no delivery, or cannot wait for its settlement.
        cancellations: what shall not run.
        ended: runs whose working files are still there, if these are not kept for ever.
        table: the pipelines by name.
        waiting: what is asked for but not submitted yet.
        unconfirmed: runs of an earlier launcher that the place may not have got; by id.
    """

    settings: Settings
    backend: Backend
    flights: InFlight
    publish: Publish
    cancellations: Cancellations
    ended: RunIndex
    table: Table = field(default_factory=lambda: TABLE)
    waiting: list[Waiting] = field(default_factory=list)
    unconfirmed: set[str] = field(default_factory=set)

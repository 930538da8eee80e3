"""What handler and supervisor work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.launcher.backends import Backend
from services.launcher.inflight import InFlight
from services.launcher.pipelines import TABLE
from services.launcher.plan import Table
from services.launcher.settings import Settings
from shared.messages import Message

Publish = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Launcher:
    """One launcher's parts.

    Attributes:
        publish: says at once what belongs to no delivery, or cannot wait for its settlement.
        table: the pipelines by name.
    """

    settings: Settings
    backend: Backend
    flights: InFlight
    publish: Publish
    table: Table = field(default_factory=lambda: TABLE)

"""Who says what, who listens, and where: the one table from which every destination's name is computed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from shared import messages as m

WORLD = "world"
SERVICES = ("ingester", "spotfinder", "launcher", "writer", "aggregator")


class Kind(StrEnum):
    """How a message travels."""

    QUEUE = "queue"  # one listener gets it
    VIRTUAL = "virtual topic"  # every listening service gets it, its replicas compete
    TOPIC = "topic"  # whoever listens at this moment gets it; never stored
    REPLY = "reply"  # to the destination that the message itself names, if it does


@dataclass(frozen=True, slots=True)
class Route:
    """One row: a message type, its speaker, its listeners, and how it travels.

    ``name`` may refer to fields of the message, such as ``xrc.{collection.beamline}``; a listener of such a route
    gives the queue's full name. ``outside`` rows are silent while a beamline is in shadow mode. A row with ``urgency``
    is for messages of that urgency only. What is said of a rotation goes with ``rotation_priority`` where that is
    given; ActiveMQ's store tells three priorities apart: below 4, 4, and above.
    """

    message: type[m.Message]
    speaker: str
    kind: Kind
    name: str
    listeners: tuple[str, ...]
    priority: int = 4
    expires_s: int | None = None
    outside: bool = False
    rotation_priority: int | None = None
    urgency: m.Urgency | None = None

    def takes(self, message: m.Message) -> bool:
        """Whether this message goes this way."""
        return self.urgency is None or self.urgency == getattr(message, "urgency", None)

    def priority_of(self, message: m.Message) -> int:
        """The JMS priority of one message, 0 to 9."""
        of_rotation = getattr(message, "experiment", None) == "rotation"
        return self.rotation_priority if of_rotation and self.rotation_priority is not None else self.priority


PRIMARY: m.Urgency = "primary"
SECONDARY: m.Urgency = "secondary"
Q, V, T, R = Kind.QUEUE, Kind.VIRTUAL, Kind.TOPIC, Kind.REPLY
ROUTES = (
    Route(m.CollectionStarts, WORLD, Q, "data-collection", ("ingester",), priority=7),
    Route(m.CollectionEnds, WORLD, Q, "data-collection", ("ingester",), priority=7),
    Route(m.RunRecipes, WORLD, Q, "processing_recipe", ("ingester",)),
    Route(m.CollectionAccepted, "ingester", V, "CollectionAccepted", ("writer", "aggregator")),
    Route(m.CollectionAccepted, "ingester", R, "{reply_to}", (WORLD,), outside=True),
    Route(m.CollectionEnded, "ingester", V, "CollectionEnded", ("writer", "aggregator")),
    Route(m.CollectionEnded, "ingester", R, "{reply_to}", (WORLD,), outside=True),
    Route(m.AnnouncementRejected, "ingester", V, "AnnouncementRejected", ("aggregator",)),
    Route(m.AnnouncementRejected, "ingester", R, "{reply_to}", (WORLD,), outside=True),
    Route(m.FindSpots, "ingester", Q, "find-spots", ("spotfinder",), priority=6, rotation_priority=4),
    *(
        Route(m.ProcessCollection, speaker, Q, name, ("launcher",), urgency=urgency)
        for speaker in ("ingester", "launcher", WORLD)
        for name, urgency in (("process-collection", PRIMARY), ("process-collection.secondary", SECONDARY))
    ),
    Route(m.CancelProcessing, WORLD, Q, "cancel-processing", ("launcher",), priority=7),
    Route(m.CancellationTaken, "launcher", R, "{reply_to}", (WORLD,)),
    Route(m.SpotsFound, "spotfinder", V, "SpotsFound", ("writer", "aggregator"), priority=6, rotation_priority=4),
    Route(m.RunChanged, "launcher", V, "RunChanged", ("aggregator",)),
    Route(m.ProcessingResult, "launcher", Q, "{family}-results", ("writer",)),
    Route(m.GridResult, "writer", Q, "xrc.{collection.beamline}", (WORLD,), priority=6, expires_s=900, outside=True),
    Route(m.GridResult, "writer", V, "GridResult", ("aggregator",), priority=6),
    Route(m.ProcessingRecorded, "writer", V, "ProcessingRecorded", ("aggregator",)),
    Route(m.MessageDeadLettered, "every service", V, "MessageDeadLettered", ("aggregator",)),
    Route(m.DeadLetterTaken, WORLD, V, "DeadLetterTaken", ("aggregator",)),
    Route(m.ServiceBeat, "every service", T, "ServiceBeat", ("aggregator",)),
)


def routes_of(kind: type[m.Message]) -> Iterator[Route]:
    """The rows of one message type."""
    return (route for route in ROUTES if route.message is kind)


def families_of(route: Route) -> list[dict[str, str]]:
    """Every way to fill the name of a route: one for each pipeline family, or just one."""
    if route.urgency:
        return [{"urgency": route.urgency}]
    return [{"family": family} for family in get_args(m.PipelineFamily)] if "{family}" in route.name else [{}]


@dataclass(frozen=True, slots=True)
class Topology:
    """Destination names on one broker.

    Attributes:
        prefix: put before every name, so that several beamlines or test runs may share a broker; ``i03.`` or empty.
        shadow: whether the mesh keeps silent towards the outside.
    """

    prefix: str = ""
    shadow: bool = False

    def destinations(self, message: m.Message) -> Iterator[tuple[Route, str]]:
        """Where a message goes, with the row that says so. A message type outside the table is a programming error."""
        routes = tuple(route for route in routes_of(type(message)) if route.takes(message))
        if not routes:
            raise LookupError(f"shared/topology.py has no route for {type(message).__name__}")
        told = set()
        for route in routes:
            name = None if route.outside and self.shadow else self._target(route, message)
            if name and name not in told:
                told.add(name)
                yield route, name

    def _target(self, route: Route, message: m.Message) -> str | None:
        match route.kind:
            case Kind.QUEUE:
                return self.queue(_fill(route.name, message))
            case Kind.VIRTUAL:
                return f"/topic/VirtualTopic.{self.prefix}{route.name}"
            case Kind.TOPIC:
                return f"/topic/{self.prefix}{route.name}"
            case Kind.REPLY:
                return message.reply_to if isinstance(message, m.Answer) else None

    def queue(self, name: str) -> str:
        """A queue by its name without prefix."""
        return f"/queue/{self.prefix}{name}"

    def source(self, kind: type[m.Message], service: str, **fields: str) -> str:
        """Where a service reads one message type; ``fields`` fill the name of a route that refers to some.

        The ``urgency`` among them chooses between routes; without it, the first counts.
        """
        for route in routes_of(kind):
            if service in route.listeners and fields.get("urgency") in (None, route.urgency):
                return self._inbox(route, service, fields)
        raise LookupError(f"shared/topology.py: {service} does not listen to {kind.__name__}")

    def _inbox(self, route: Route, service: str, fields: dict[str, str]) -> str:
        match route.kind:
            case Kind.VIRTUAL:
                return f"/queue/Consumer.{service}.VirtualTopic.{self.prefix}{route.name}"
            case Kind.TOPIC:
                return f"/topic/{self.prefix}{route.name}"
            case _:
                return self.queue(route.name.format(**fields))

    def inboxes(self, kind: type[m.Message]) -> Iterator[str]:
        """The durable queues that must exist before a message on a virtual topic is published, or it is lost."""
        for route in routes_of(kind):
            if route.kind is Kind.VIRTUAL:
                yield from (self._inbox(route, service, {}) for service in route.listeners)

    def spoken_by(self, service: str) -> Iterator[type[m.Message]]:
        """Message types that a service says."""
        return iter({r.message: None for r in ROUTES if r.speaker in (service, "every service")})

    def is_inbox(self, queue: str) -> bool:
        """Whether services of this mesh read a queue, or an earlier version's did; ``queue`` is its name on the broker.

        A mesh without prefix cannot tell a queue that it has forgotten from one of somebody else.
        """
        if re.match(rf"Consumer\.({'|'.join(SERVICES)})\.VirtualTopic\.{re.escape(self.prefix)}", queue):
            return True
        if not queue.startswith(self.prefix):
            return False
        name = queue.removeprefix(self.prefix)
        known = [route for route in ROUTES if route.kind is Kind.QUEUE and re.fullmatch(_pattern(route.name), name)]
        return any(route.listeners != (WORLD,) for route in known) or (bool(self.prefix) and not known)

    def dead_letters(self, source: str) -> str:
        """The dead letter queue of a queue."""
        return f"/queue/DLQ.{source.removeprefix('/queue/').removeprefix('/topic/')}"


def _fill(template: str, message: m.Message) -> str:
    return template.format_map({name: getattr(message, name) for name in type(message).model_fields})


def _pattern(template: str) -> str:
    """Every name that a template may become, as a regular expression."""
    return "[^.]+".join(map(re.escape, re.split(r"{[^}]*}", template)))

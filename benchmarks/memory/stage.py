"""The stage for a service's handlers: a bus that forgets whatever is said, and deliveries one after the other."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count

from anyio.abc import TaskGroup

from shared.bus import Delivery
from shared.memory import MemoryBus
from shared.messages import Message
from shared.pulse import Pulse
from shared.service import Decode, Handler, Inbox, M, Member, process

Play = Callable[[int], Awaitable[None]]
"""Let one data collection happen, by its number."""
_ids = count()


class ForgetfulBus(MemoryBus):
    """Takes everything, and keeps nothing."""

    async def publish(self, message: Message) -> None:
        """Said."""

    async def settle(self, delivery: Delivery, replies: Sequence[Message] = ()) -> None:
        """Done."""

    async def dead_letter(self, delivery: Delivery, reason: str, replies: Sequence[Message] = ()) -> None:
        """Done."""


@dataclass(frozen=True)
class Stage:
    """A service without its broker; every message goes through the service loop.

    Attributes:
        tasks: of the service.
    """

    service: str
    tasks: TaskGroup

    @property
    def member(self) -> Member:
        """As handlers' deliveries are settled by."""
        return Member(ForgetfulBus(self.service), Pulse(self.service), self.tasks)

    async def say(self, message: Message, decode: Decode[M], handler: Handler[M]) -> None:
        """One delivery, from its decoding to its settlement."""
        body, headers = message.to_json(), {"message-id": f"ID:stage-{next(_ids)}"}
        inbox = Inbox("/queue/stage", decode, handler, prefetch=1)
        await process(self.member, Delivery(body, headers, inbox.source), inbox)

"""Things to say in tests."""

from collections.abc import AsyncIterator

import anyio

from shared.bus import Delivery
from shared.messages import MessageDeadLettered, ServiceBeat, now

PATIENCE_S = 20


def obituary(reason: str = "broken") -> MessageDeadLettered:
    """What any service may say; the aggregator listens, over a virtual topic."""
    return MessageDeadLettered(
        service="writer", queue="/queue/a", dead_letter_queue="/queue/DLQ.a", message_id="1", reason=reason, at=now()
    )


def beat(handled: int = 0) -> ServiceBeat:
    """What is never stored."""
    return ServiceBeat(
        service="writer", instance="host-1", started_at=now(), at=now(), interval_s=5, handled=handled, rejected=0
    )


async def take(deliveries: AsyncIterator[Delivery]) -> Delivery:
    """The next delivery; it has to come."""
    with anyio.fail_after(PATIENCE_S):
        return await anext(deliveries)


async def nothing_comes(deliveries: AsyncIterator[Delivery], within_s: float = 0.5) -> bool:
    """Whether it stays quiet for a while."""
    with anyio.move_on_after(within_s):
        await anext(deliveries)
        return False
    return True

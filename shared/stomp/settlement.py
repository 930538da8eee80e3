"""Replies and acknowledgement as one transaction; and what happens when the broker refuses it."""

import itertools
import logging
from collections.abc import Sequence
from contextlib import suppress

import anyio

from shared.bus import BrokerError, StaleDeliveryError
from shared.stomp.errors import ConnectionLostError, RefusalError
from shared.stomp.inbox import Handle
from shared.stomp.outgoing import Outgoing
from shared.stomp.wire import encode

log = logging.getLogger(__name__)
_ids = itertools.count(1)


async def commit(handle: Handle, outgoing: Sequence[Outgoing]) -> None:
    """Send and acknowledge, all or nothing.

    Raises:
        StaleDeliveryError: the connection was lost; the broker delivers again what it has not committed.
        BrokerError: the broker refused; the delivery is given back for a later try.
    """
    try:
        if outgoing:
            await _transact(handle, outgoing)
        else:
            await handle.connection.request("ACK", {"id": handle.ack})
    except ConnectionLostError as loss:
        raise StaleDeliveryError(f"the connection was lost before the broker had committed: {loss}") from loss
    except BrokerError:
        await give_back(handle)
        raise


async def _transact(handle: Handle, outgoing: Sequence[Outgoing]) -> None:
    """Await the receipt of each message before COMMIT.

    ActiveMQ may refuse a message and still commit the rest of its transaction; and once a COMMIT has failed, it knows
    the delivery no more, neither to acknowledge it nor to give it back.
    """
    transaction = {"transaction": f"t{next(_ids)}"}
    for letter in outgoing:
        letter.check()
    try:
        frames = [letter.frame(handle.connection.broker_time, **transaction) for letter in outgoing]
        await handle.connection.request_all(frames, before=encode("BEGIN", transaction))
    except BaseException as fault:
        handle.settled = isinstance(fault, BrokerError)  # a cancelled settlement may be tried again
        with suppress(ConnectionLostError):
            handle.connection.write(encode("ABORT", transaction))
        raise
    ack = encode("ACK", {"id": handle.ack, **transaction})
    await handle.connection.request("COMMIT", transaction, before=ack)


async def give_back(handle: Handle) -> None:
    """NACK outside any transaction: the broker delivers again, or moves to its dead letter queue, as configured."""
    try:
        with anyio.CancelScope(shield=True):
            await handle.connection.request("NACK", {"id": handle.ack})
    except RefusalError as refusal:
        handle.connection.abort(f"the broker did not take a delivery back: {refusal}")
    except ConnectionLostError:
        log.info("the connection was lost; the broker takes the delivery back by itself")

"""Replies and acknowledgement as one transaction; and what happens when the broker refuses it."""

import itertools
import logging
from collections.abc import Sequence

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
        for letter in outgoing:
            letter.check()
        await _acknowledge(handle, outgoing)
    except ConnectionLostError as loss:
        raise StaleDeliveryError(f"the connection was lost before the broker had committed: {loss}") from loss
    except BrokerError:
        await give_back(handle)
        raise


async def _acknowledge(handle: Handle, outgoing: Sequence[Outgoing]) -> None:
    ack = {"id": handle.ack}
    if not outgoing:
        await handle.connection.request("ACK", ack)
        return
    transaction = f"t{next(_ids)}"
    name = {"transaction": transaction}
    sends = b"".join([letter.encode(transaction=transaction) for letter in outgoing])
    await handle.connection.request("COMMIT", name, before=encode("BEGIN", name) + sends + encode("ACK", ack | name))


async def give_back(handle: Handle) -> None:
    """NACK outside any transaction: the broker delivers again, or moves to its dead letter queue, as configured."""
    try:
        await handle.connection.request("NACK", {"id": handle.ack})
    except RefusalError as refusal:
        handle.connection.abort(f"the broker did not take a delivery back: {refusal}")
    except ConnectionLostError:
        log.info("the connection was lost; the broker takes the delivery back by itself")
